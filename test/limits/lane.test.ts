// Not on PostgreSQL: it is one step after the other; parallel.test.ts holds what several at once do there.
import t from 'tap'
import { sweep } from '../../domain/sweeping.ts'
import { build, register } from '../helper.ts'
import { setActive } from '../operator.ts'
import { ipv4, ipv6, OWNER } from './attackers.ts'
import { attempt, failFromAnywhere, failWithAnyName, fillLane, logsIn, RIGHT, throttled, two, wrong } from './limits.ts'

t.test('a turn that has come is kept for an hour, and then given up', async (t) => {
  const { a, b, advance } = await two(t, { LOGIN_FAILURES_WINDOW: '86400' })
  await register(a)
  await failFromAnywhere([a, b], 100)
  for (const from of [OWNER, '203.0.113.11']) t.equal((await attempt(a, { from })).status, 429)
  advance(30 + 3600 - 0.001)
  t.equal(await logsIn(b, { from: OWNER }), 200)
  advance(30.001)
  t.strictSame(await attempt(b, { from: '203.0.113.12' }), wrong, 'another takes the turn that is free now')
  t.strictSame(await attempt(b, { from: '203.0.113.11' }), throttled(30), 'and the one of before is given up')
})

t.test('asking again before the turn neither moves it nor writes anything', async (t) => {
  const { a, b, advance } = await two(t)
  await failFromAnywhere([a, b], 100)
  t.strictSame(await attempt(a, { from: OWNER }), throttled(30))
  const places = () => a.db.read.selectFrom('lane_places').selectAll().execute()
  const before = await places()
  for (let second = 1; second < 30; second++) {
    advance(1)
    t.strictSame(await attempt(second % 2 ? a : b, { from: OWNER }), throttled(30 - second))
  }
  t.strictSame(await places(), before)
})

t.test('at most a thousand turns of a name are kept; who comes then is told to ask again, and gets one when one is free', async (t) => {
  const app = await build(t, { LOGIN_FAILURES_PER_ACCOUNT: '1' })
  await attempt(app, { from: '192.0.2.1' })
  t.strictSame(await attempt(app, { from: '198.18.0.0' }), throttled(30))
  await fillLane(app, 999)
  t.strictSame(await attempt(app, { from: '198.18.0.1' }), throttled(30), 'there is no turn for it')
  app.clock.advance(30)
  t.strictSame(await attempt(app, { from: '198.18.0.0' }), wrong)
  t.strictSame(await attempt(app, { from: '198.18.0.1' }), throttled(30_000))
  t.strictSame(await attempt(app, { from: '198.18.0.2' }), throttled(30))
})

t.test('turns that were given up are none of the thousand', async (t) => {
  const app = await build(t, { LOGIN_FAILURES_PER_ACCOUNT: '1', LOGIN_FAILURES_WINDOW: '86400' })
  await attempt(app, { from: '192.0.2.1' })
  t.strictSame(await attempt(app, { from: '198.18.0.0' }), throttled(30))
  await fillLane(app, 999)
  t.strictSame(await attempt(app, { from: '198.18.0.1' }), throttled(30), 'there is no turn for it')
  app.clock.advance(30 * 1001 + 3600)
  t.strictSame(await attempt(app, { from: '198.18.0.1' }), wrong)
})

t.test('turns that nobody took are swept an hour after they came', async (t) => {
  const app = await build(t, { LOGIN_FAILURES_PER_ACCOUNT: '1' })
  await attempt(app, { from: '192.0.2.1' })
  for (let i = 0; i < 150; i++) await attempt(app, { from: `198.18.0.${i}` })
  const count = async () => (await app.db.read.selectFrom('lane_places').select('at').execute()).length
  app.clock.advance(30 + 3600)
  await sweep(app)
  t.equal(await count(), 150)
  app.clock.advance(30 * 150)
  await sweep(app)
  t.equal(await count(), 0)
})

for (const [what, seconds] of Object.entries({ '40 days ahead': 40 * 86_400, 'two hours ahead': 7200, '40 days behind': -40 * 86_400 })) {
  t.test(`turns that were promised while the clock was ${what} keep nobody waiting when it is back`, async (t) => {
    const app = await build(t)
    await register(app)
    await failFromAnywhere([app], 100)
    t.strictSame(await attempt(app, { from: '198.51.100.1' }), throttled(30))
    app.clock.jump(seconds)
    for (let i = 0; i < 120; i++) await attempt(app, { from: `198.51.${100 + (i % 3)}.1` })
    app.clock.jump(-seconds)
    let answer = await attempt(app, { ...RIGHT, from: '198.51.101.1' })
    let waited = 0
    while (answer.status === 429 && waited < 600) {
      app.clock.advance(Number(answer.retryAfter))
      waited += Number(answer.retryAfter)
      answer = await attempt(app, { ...RIGHT, from: '198.51.101.1' })
    }
    t.equal(answer.status, 200)
    t.ok(waited <= 120, `after ${waited} s`)
  })
}

t.test('the turns of known, unknown and disabled names are the same, whoever asks and whatever came of the turns', async (t) => {
  const { a, b, advance } = await two(t)
  for (const name of ['known', 'disabled']) await register(a, name)
  await setActive(a, 'disabled', false)
  const names = ['unknown', 'known', 'disabled']
  const seen: unknown[][] = [[], [], []]
  for (const [i, username] of names.entries()) {
    for (let n = 0; n < 100; n++) seen[i]?.push(await attempt(n % 2 ? a : b, { username, from: `198.18.${i}.${n}` }))
  }
  for (let step = 0; step < 30; step++) {
    for (const [i, username] of names.entries()) {
      for (const from of [...ipv4(3), ...ipv6(2), '2001:db8:1:7::1']) seen[i]?.push(await attempt(step % 2 ? a : b, { username, from }))
    }
    advance(7)
  }
  t.strictSame(seen[1], seen[0])
  t.strictSame(seen[2], seen[0])
})

t.test('a name that has not failed at an address past its limit does not wait for those that have', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  await failWithAnyName([a, b], 300, OWNER)
  for (let i = 0; i < 50; i++) t.strictSame(await attempt(a, { username: `nobody-${i}`, from: OWNER }), throttled(30 * (i + 1)))
  t.strictSame(await attempt(b, { ...RIGHT, from: OWNER }), throttled(30))
  advance(30)
  t.equal(await logsIn(a, { from: OWNER }), 200)
})

t.test('who meets two lanes has a turn in both, and keeps the earlier until the later has come', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  await failFromAnywhere([a, b], 100)
  await failWithAnyName([a, b], 300, OWNER)
  for (const from of ipv4(3)) t.equal((await attempt(a, { from })).status, 429)
  t.strictSame(await attempt(b, { ...RIGHT, from: OWNER }), throttled(120))
  advance(30)
  t.strictSame(await attempt(b, { ...RIGHT, from: OWNER }), throttled(90))
  advance(90)
  t.equal(await logsIn(a, { from: OWNER }), 200)
})

t.test('a turn in one lane is kept when a second lane is met', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  await failFromAnywhere([a, b], 100)
  t.strictSame(await attempt(a, { ...RIGHT, from: OWNER }), throttled(30))
  for (const from of ipv4(3)) t.equal((await attempt(a, { from })).status, 429)
  await failWithAnyName([a, b], 300, OWNER)
  t.strictSame(await attempt(b, { ...RIGHT, from: OWNER }), throttled(30))
  t.strictSame(await attempt(b, { username: 'other', from: OWNER }), throttled(60), 'who comes later is behind it in the second')
  advance(30)
  t.equal(await logsIn(a, { from: OWNER }), 200)
})

t.test('a turn that has come in one lane is kept until a turn of a second lane has come, that is met then', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  await failWithAnyName([a, b], 300, OWNER)
  t.strictSame(await attempt(a, { ...RIGHT, from: OWNER }), throttled(30))
  for (let i = 0; i < 5; i++) t.strictSame(await attempt(a, { username: `other-${i}`, from: OWNER }), throttled(30 * (i + 2)))
  await failFromAnywhere([a, b], 100)
  for (const from of ipv4(3)) t.equal((await attempt(a, { from })).status, 429)
  advance(30)
  t.strictSame(await attempt(b, { ...RIGHT, from: OWNER }), throttled(90))
  advance(90)
  t.equal(await logsIn(a, { from: OWNER }), 200)
})
