// Not on PostgreSQL: it is about the clock.
import t, { type Test } from 'tap'
import { build, post, register, type TestApp } from '../helper.ts'
import { VERIFY } from '../wire/wire.ts'
import { attempt, failWithAnyName, type LimitedAnswer, logsIn, throttled, withRetryAfter, wrong } from './limits.ts'

const DAYS = 40 * 86_400

async function withUser(t: Test, env: Record<string, string> = {}): Promise<TestApp> {
  const app = await build(t, env)
  await register(app)
  return app
}

/** Does something while the clock is wrong by some seconds. */
async function during(app: TestApp, seconds: number, work: () => Promise<unknown>): Promise<void> {
  app.clock.jump(seconds)
  await work()
  app.clock.jump(-seconds)
}

const registers = async (app: TestApp, username: string): Promise<LimitedAnswer> =>
  withRetryAfter(await post(app, '/api/users/', { username, password: 'correct horse battery' }))

for (const seconds of [DAYS, -DAYS]) {
  t.test(`failed logins while the clock is wrong by ${seconds / 86_400} days keep nobody out when it is back`, async (t) => {
    const app = await withUser(t)
    await during(app, seconds, async () => {
      for (let i = 0; i < 10; i++) t.strictSame(await attempt(app), wrong)
      t.strictSame(await attempt(app), throttled(1))
    })
    t.equal(await logsIn(app), 200)
  })
}

t.test('failures of a time when the clock was ahead still count: after one attempt the next waits as long as the rule says', async (t) => {
  const app = await withUser(t)
  await during(app, DAYS, async () => {
    for (let i = 0; i < 10; i++) await attempt(app)
  })
  t.strictSame(await attempt(app), wrong)
  t.strictSame(await attempt(app), throttled(2))
  app.clock.advance(2)
  t.equal(await logsIn(app), 200)
})

t.test('the limits of an address, of an account and on registrations wait no longer than their own times after a jump', async (t) => {
  const app = await withUser(t, { LOGIN_FAILURES_PER_ADDRESS: '3', LOGIN_FAILURES_PER_ACCOUNT: '3', REGISTRATIONS_PER_ADDRESS: '2' })
  await during(app, DAYS, async () => {
    await failWithAnyName([app], 3, '198.51.100.1')
    for (let i = 0; i < 3; i++) await attempt(app, { username: 'bob', from: `192.0.2.${i}` })
    for (const name of ['carol', 'dave']) t.equal((await registers(app, name)).status, 201)
  })
  const address = () => attempt(app, { username: 'erin', from: '198.51.100.1' })
  const account = () => attempt(app, { username: 'bob', from: '192.0.2.9' })
  t.strictSame([await address(), await address()], [wrong, throttled(30)])
  t.strictSame([await account(), await account()], [wrong, throttled(30)])
  t.equal((await registers(app, 'frank')).status, 201)
  t.strictSame(await registers(app, 'grace'), throttled(60))
  app.clock.advance(60)
  t.equal((await registers(app, 'grace')).status, 201)
})

t.test('an attempt that was under way when the clock came back keeps nobody waiting', async (t) => {
  const app = await withUser(t, { LOGIN_FAILURES_PER_PAIR: '1' })
  const { matches } = app.hashing
  app.hashing.matches = async (...args) => {
    app.hashing.matches = matches
    app.clock.jump(-DAYS)
    t.equal(await logsIn(app), 200)
    return matches.apply(app.hashing, args)
  }
  app.clock.jump(DAYS)
  t.strictSame(await attempt(app), wrong)
})

t.test('REQUESTS_PER_ADDRESS waits a minute at most, whatever becomes of the clock', async (t) => {
  const app = await build(t, { REQUESTS_PER_ADDRESS: '2' })
  const ask = async () => withRetryAfter(await app.inject({ method: 'POST', url: VERIFY, payload: {} }))
  await during(app, DAYS, async () => {
    for (let i = 0; i < 2; i++) t.equal((await ask()).status, 400)
  })
  t.equal((await ask()).retryAfter, '60')
  app.clock.advance(60)
  t.equal((await ask()).status, 400)
})
