import t, { type Test } from 'tap'
import { build, logIn, PASSWORD, post, register, type TestApp } from '../helper.ts'
import { setActive } from '../operator.ts'
import { HEADER, LOGIN, OBTAIN, REFRESH } from '../wire/wire.ts'
import { attempt, failFromAnywhere, failWithAnyName, logsIn, RIGHT, throttled, two, wrong } from './limits.ts'

const OFFICE = '203.0.113.10'

const shown = (token: string) => ({ headers: { 'x-device-token': token } })

async function withUsers(t: Test, env: Record<string, string> = {}): Promise<TestApp> {
  const app = await build(t, env)
  for (const name of ['alice', 'bob']) await register(app, name)
  return app
}

/** Makes alice wait at the office: by failures of her name there, of other names there, and of her name elsewhere. */
async function attack(apps: readonly TestApp[]): Promise<void> {
  for (let i = 0; i < 12; i++) await attempt(apps[0] as TestApp, { from: OFFICE })
  await failWithAnyName(apps, 290, OFFICE)
  await failFromAnywhere(apps, 90)
}

t.test('a device with an earlier refresh token of the user is not kept waiting by the failures of others', async (t) => {
  const { a, b } = await two(t)
  for (const name of ['alice', 'bob']) await register(a, name)
  const { refresh } = await logIn(a)
  await attack([a, b])
  for (const app of [a, b]) {
    t.equal((await attempt(app, { ...RIGHT, from: OFFICE })).status, 429, 'without it')
    t.equal(await logsIn(app, { from: '192.0.2.7', ...shown(refresh) }), 200)
  }
  t.equal(await logsIn(a, { from: OFFICE, ...shown(refresh) }), 200)
  t.equal(await logsIn(b, { from: '192.0.2.7' }), 200, 'a success makes its address known')
})

t.test('the token may have expired, been replaced, been revoked, or belong to a session that is gone', async (t) => {
  const app = await withUsers(t, { SESSION_HISTORY: '1' })
  const replaced = (await logIn(app)).refresh
  const current = (await post(app, REFRESH, { refresh: replaced })).json().refresh
  const ended = (await logIn(app)).refresh
  t.equal((await post(app, '/api/token/blacklist/', { refresh: ended })).statusCode, 200)
  const gone = (await logIn(app)).refresh
  await app.db.write((handle) => handle.deleteFrom('sessions').where('id', '=', 3).execute())
  app.clock.advance(2 * 86_400)
  await attack([app])
  for (const [what, token] of Object.entries({ replaced, current, ended, gone }))
    t.equal(await logsIn(app, { from: OFFICE, ...shown(token) }), 200, what)
})

t.test('its failures count by its session: ten are free, then they wait as those of a pair do, at whatever address', async (t) => {
  const app = await withUsers(t)
  const first = (await logIn(app)).refresh
  const successor = (await post(app, REFRESH, { refresh: first })).json().refresh
  const other = (await logIn(app)).refresh
  for (let i = 0; i < 10; i++) t.strictSame(await attempt(app, { from: `192.0.2.${i}`, ...shown(i % 2 ? first : successor) }), wrong)
  t.strictSame(await attempt(app, { ...RIGHT, ...shown(first) }), throttled(1))
  t.strictSame(await attempt(app, { ...RIGHT, ...shown(successor), from: OFFICE }), throttled(1))
  t.strictSame(await attempt(app, shown(other)), wrong, 'another session has a count of its own')
  t.strictSame(await attempt(app), wrong, 'and so has who shows no token')
  app.clock.advance(1)
  t.equal(await logsIn(app, shown(successor)), 200)
  for (let i = 0; i < 10; i++) t.strictSame(await attempt(app, shown(first)), wrong, 'a success forgives them')
  t.strictSame(await attempt(app, shown(first)), throttled(1))
})

t.test('failures of a device count against nobody else', async (t) => {
  const app = await withUsers(t, { LOGIN_FAILURES_PER_ACCOUNT: '5', LOGIN_FAILURES_PER_ADDRESS: '5' })
  const { refresh } = await logIn(app)
  for (let i = 0; i < 10; i++) await attempt(app, { from: OFFICE, ...shown(refresh) })
  for (let i = 0; i < 5; i++) t.strictSame(await attempt(app, { from: OFFICE }), wrong)
})

t.test('what is no refresh token of that user counts as none', async (t) => {
  const app = await withUsers(t, { LOGIN_FAILURES_PER_PAIR: '1', LOGIN_FIRST_DELAY: '60' })
  const { access, refresh } = await logIn(app)
  const foreign = await withUsers(t)
  const tokens = {
    'of another user': (await logIn(app, 'bob')).refresh,
    'an access token': access,
    'of another service': (await logIn(foreign)).refresh,
    'one that was changed': `${refresh.slice(0, -6)}AAAAAA`,
    empty: '',
    'no token': 'x',
    'a long text': 'x'.repeat(8000),
    'two of them': `${refresh}, ${refresh}`,
  }
  t.strictSame(await attempt(app, { from: OFFICE }), wrong)
  for (const [what, token] of Object.entries(tokens))
    t.strictSame(await attempt(app, { ...RIGHT, from: OFFICE, ...shown(token) }), throttled(60), what)
})

t.test('a token of before the restore of a backup is not that of a user who was given the same id since', async (t) => {
  const app = await withUsers(t, { LOGIN_FAILURES_PER_PAIR: '1', LOGIN_FIRST_DELAY: '60' })
  await register(app, 'carol')
  const { refresh } = await logIn(app, 'carol')
  await app.db.write(async (handle) => {
    await handle.deleteFrom('users').where('username', '=', 'carol').execute()
    const mallory = { id: 3, username: 'mallory', username_key: 'mallory', password: 'x', created_at: app.clock() + 5000 }
    await handle.insertInto('users').values(mallory).execute()
  })
  t.strictSame(await attempt(app, { username: 'mallory', ...shown(refresh) }), wrong)
  t.strictSame(await attempt(app, { username: 'mallory', ...shown(refresh) }), throttled(60))
  t.strictSame(await attempt(app, { username: 'mallory' }), throttled(60), 'it was counted as a pair')
})

t.test('the token of a disabled user has its own count too, and lets nobody in', async (t) => {
  const app = await withUsers(t)
  const { refresh } = await logIn(app)
  await setActive(app, 'alice', false)
  for (let i = 0; i < 10; i++) t.strictSame(await attempt(app, { ...RIGHT, ...shown(refresh) }), wrong)
  t.strictSame(await attempt(app, { ...RIGHT, ...shown(refresh) }), throttled(1))
})

t.test('every path that takes a password of a user takes the token', async (t) => {
  const app = await withUsers(t, { LOGIN_FAILURES_PER_PAIR: '1', LOGIN_FIRST_DELAY: '60' })
  const { access, refresh } = await logIn(app)
  const headers = { authorization: `Bearer ${access}` }
  t.strictSame(await attempt(app, { from: '127.0.0.1' }), wrong)
  const credentials = { username: 'alice', password: PASSWORD }
  const paths: [string, object][] = [
    [OBTAIN, credentials],
    [LOGIN, credentials],
    [HEADER, credentials],
    ['/api/users/me/password/', { current_password: PASSWORD, new_password: PASSWORD }],
    ['/api/users/me/delete/', { password: PASSWORD }],
  ]
  for (const [url, body] of paths) {
    t.equal((await post(app, url, body, headers)).statusCode, 429, `${url} without it`)
    t.equal((await post(app, url, body, { ...headers, 'x-device-token': refresh })).statusCode, 200, url)
    // A login forgives the failures; a change of the password ends the session.
    await app.db.write((handle) => handle.updateTable('sessions').set({ ended_at: null, end_reason: null }).execute())
    await post(app, OBTAIN, { ...credentials, password: 'wrong' })
  }
})

t.test('registering makes the address known', async (t) => {
  const app = await build(t, { LOGIN_FAILURES_PER_ACCOUNT: '1', LOGIN_FAILURES_PER_ADDRESS: '1' })
  await app.inject({ method: 'POST', url: '/api/users/', remoteAddress: OFFICE, payload: { username: 'alice', password: PASSWORD } })
  await failWithAnyName([app], 1, OFFICE)
  await failFromAnywhere([app], 1)
  t.equal(await logsIn(app, { from: OFFICE }), 200)
  t.equal((await attempt(app, { ...RIGHT, from: '192.0.2.9' })).status, 429)
})

t.test('a device, and a known address, are the user’s in every form of the name', async (t) => {
  const app = await build(t)
  const [composed, decomposed] = ['zo\u00eb', 'zoe\u0308']
  await register(app, composed)
  const { refresh } = await logIn(app, composed)
  for (let i = 0; i < 12; i++) await attempt(app, { username: composed, from: OFFICE })
  await failFromAnywhere([app], 90, composed)
  t.equal((await attempt(app, { ...RIGHT, username: decomposed, from: OFFICE })).status, 429, 'without the token')
  t.equal(await logsIn(app, { username: decomposed, from: OFFICE, ...shown(refresh) }), 200)
  t.equal(await logsIn(app, { username: decomposed, from: '127.0.0.1' }), 200, 'where the user registered')
})
