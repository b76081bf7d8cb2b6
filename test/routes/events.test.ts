import t from 'tap'
import { openDatabase } from '../../db/open.ts'
import { Refusals } from '../../domain/events/refusals.ts'
import { sweep } from '../../domain/sweeping.ts'
import { databaseUrl } from '../databases.ts'
import { build, claimsOf, logIn, PASSWORD, post, register, START, type TestApp } from '../helper.ts'
import { setActive } from '../operator.ts'

const KEYS_MADE = 3
const from = (address: string) => ({ address, client: 'curl/8', requestId: 'r', isShared: false })

/** All events but those that say which keys the service made at its start: one that signs access tokens, the next, and one of refresh tokens. */
async function events(app: TestApp) {
  await app.refusals.flush()
  return app.db.read.selectFrom('auth_events').selectAll().orderBy('id').offset(KEYS_MADE).limit(1000).execute()
}

/** The kind, reason, name and count of each event. */
async function summaryOf(app: TestApp) {
  return (await events(app)).map(({ kind, reason, username, count }) => [kind, reason, username, count])
}

t.test('an event has its time, address, client and request id, and the id and name of its user', async (t) => {
  const app = await build(t)
  await register(app)
  const headers = { 'user-agent': 'curl/8', 'x-request-id': 'abc' }
  const payload = { username: 'alice', password: PASSWORD }
  const answer = await app.inject({ method: 'POST', url: '/api/token/', payload, headers, remoteAddress: '192.0.2.7' })
  t.strictSame((await events(app)).at(-1), {
    id: KEYS_MADE + 2,
    at: START,
    last_at: START,
    count: 1,
    kind: 'login',
    reason: null,
    user_id: 1,
    username: 'alice',
    name_hash: null,
    session_id: claimsOf(answer.json().access).sid,
    subject: null,
    actor_id: null,
    actor_name: null,
    address: '192.0.2.7',
    client: 'curl/8',
    request_id: 'abc',
  })
})

t.test('a failed login has its reason, and repeated ones within a minute are one row with a count', async (t) => {
  const app = await build(t)
  await register(app)
  await register(app, 'bob')
  await setActive(app, 'bob', false)
  const fail = (username: string) => post(app, '/api/token/', { username, password: username === 'bob' ? PASSWORD : 'wrong' })
  for (let i = 0; i < 3; i++) await fail('alice')
  await app.refusals.flush()
  app.clock.advance(59)
  await fail('alice')
  await app.refusals.flush()
  app.clock.advance(1)
  await fail('alice')
  await fail('bob')
  await fail('nobody')
  t.same((await summaryOf(app)).slice(3), [
    ['login_failed', 'wrong_password', 'alice', 4],
    ['login_failed', 'wrong_password', 'alice', 1],
    ['login_failed', 'user_disabled', 'bob', 1],
    ['login_failed', 'user_unknown', null, 1],
  ])
  const first = (await events(app))[3]
  t.match(first, { at: START, last_at: START + 59_000, user_id: 1, session_id: null })
})

t.test('a failed login is not counted with those of a time when the clock was ahead', async (t) => {
  const app = await build(t)
  const fail = async () => {
    await post(app, '/api/token/', { username: 'alice', password: 'wrong' })
    await app.refusals.flush()
  }
  app.clock.jump(40 * 86_400)
  await fail()
  app.clock.jump(-40 * 86_400)
  for (let i = 0; i < 2; i++) await fail()
  t.match(await events(app), [
    { count: 1, at: START + 40 * 86_400_000 },
    { count: 2, at: START, last_at: START },
  ])
})

t.test('a refused refresh has its reason', async (t) => {
  const app = await build(t)
  await register(app)
  const refuse = async (happen: (pair: { access: string; refresh: string }) => unknown, hand?: 'access') => {
    const pair = await logIn(app)
    await happen(pair)
    await post(app, '/api/token/refresh/', { refresh: pair[hand ?? 'refresh'] })
    const { kind, reason, user_id, username, session_id } = (await events(app)).at(-1) as Awaited<ReturnType<typeof events>>[number]
    return { kind, reason, user_id, username, hasSession: session_id !== null }
  }
  const alice = { kind: 'refresh_refused', user_id: 1, username: 'alice', hasSession: true }
  t.same(await refuse(() => undefined, 'access'), { ...alice, reason: 'wrong_type' })
  t.same(await refuse(({ refresh }) => post(app, '/api/token/blacklist/', { refresh })), { ...alice, reason: 'session_ended: logout' })
  t.same(
    await refuse(async ({ refresh }) => {
      await post(app, '/api/token/refresh/', { refresh })
      app.clock.advance(31)
    }),
    { ...alice, reason: 'reuse_detected' },
  )
  t.same(await refuse(() => app.clock.advance(86_400)), { ...alice, reason: 'token_expired' })
  t.same(
    await refuse(async () => {
      await setActive(app, 'alice', false)
    }),
    { ...alice, reason: 'user_disabled' },
  )
})

t.test('a password change is the event of every end, of the change, and of the login that it is', async (t) => {
  const app = await build(t)
  await register(app)
  await logIn(app)
  const { access } = await logIn(app)
  const passwords = { current_password: PASSWORD, new_password: 'another horse battery' }
  await post(app, '/api/users/me/password/', passwords, { authorization: `Bearer ${access}` })
  const ofChange = (await events(app)).slice(-4)
  const seen = ofChange.map(({ kind, reason, session_id, username }) => [kind, reason, Number.parseInt(session_id as string, 10), username])
  t.same(seen, [
    ['session_ended', 'password_changed', 1, 'alice'],
    ['session_ended', 'password_changed', 2, 'alice'],
    ['password_changed', null, 2, 'alice'],
    ['login', 'password_changed', 3, 'alice'],
  ])
})

t.test('a forged token writes no event', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh } = await logIn(app)
  const before = await events(app)
  for (const token of ['x', `${refresh.slice(0, -10)}AAAAAAAAAA`]) await post(app, '/api/token/refresh/', { refresh: token })
  t.same(await events(app), before)
})

t.test('every way a session can end has its reason, and the event remains after the user is deleted; an expiry has none', async (t) => {
  const app = await build(t, { SESSIONS_PER_USER: '2', REFRESH_TOKEN_TTL: '100', ACCESS_TOKEN_TTL: '100' })
  await register(app)
  const headers = ({ access }: { access: string }) => ({ authorization: `Bearer ${access}` })
  await post(app, '/api/token/blacklist/', { refresh: (await logIn(app)).refresh })
  const reused = await logIn(app)
  await post(app, '/api/token/refresh/', { refresh: reused.refresh })
  app.clock.advance(31)
  await post(app, '/api/token/refresh/', { refresh: reused.refresh })
  await logIn(app)
  await logIn(app)
  const third = await logIn(app)
  await app.inject({ method: 'DELETE', url: '/api/users/me/sessions/', headers: headers(third) })
  app.clock.advance(200)
  await sweep(app)
  await logIn(app)
  const asking = await logIn(app)
  await post(app, '/api/users/me/password/', { current_password: PASSWORD, new_password: PASSWORD }, headers(asking))
  await setActive(app, 'alice', false)
  await setActive(app, 'alice', true)
  await post(app, '/api/users/me/delete/', { password: PASSWORD }, headers(await logIn(app)))
  const ends = (await events(app)).filter(({ kind }) => kind === 'session_ended')
  t.same(
    ends.map(({ reason, username, user_id, session_id }) => [Number.parseInt(session_id as string, 10), reason, username, user_id]),
    [
      [1, 'logout', 'alice', 1],
      [2, 'reuse_detected', 'alice', 1],
      [3, 'superseded', 'alice', 1],
      [4, 'logout_all', 'alice', 1],
      [6, 'password_changed', 'alice', 1],
      [7, 'password_changed', 'alice', 1],
      [8, 'user_disabled', 'alice', 1],
      [9, 'user_deleted', 'alice', 1],
    ],
  )
  t.same(await app.db.read.selectFrom('users').selectAll().execute(), [])
})

t.test('no event carries a password or a token', async (t) => {
  const app = await build(t)
  await register(app)
  const { access, refresh } = await logIn(app)
  await post(app, '/api/token/', { username: 'alice', password: 'a secret guess' })
  await post(app, '/api/token/blacklist/', { refresh })
  await post(app, '/api/token/refresh/', { refresh })
  const text = JSON.stringify(await events(app))
  for (const secret of [PASSWORD, 'a secret guess', access, refresh, access.split('.')[2], refresh.split('.')[2]]) t.notMatch(text, secret)
})

t.test('refusals that are still in memory are written before the service has stopped', async (t) => {
  const DATABASE_URL = await databaseUrl(t)
  const app = await build(t, { DATABASE_URL })
  app.refusals.note(from('192.0.2.1'), { kind: 'login_failed', username: 'alice', userId: 1 })
  await app.close()
  const db = await openDatabase(DATABASE_URL)
  t.teardown(() => db.close())
  t.same(await db.read.selectFrom('auth_events').select(['kind', 'username', 'address']).orderBy('id').execute(), [
    ...Array.from({ length: KEYS_MADE }, () => ({ kind: 'key_created', username: null, address: null })),
    { kind: 'login_failed', username: 'alice', address: '192.0.2.1' },
  ])
})

t.test('an error while refusals are written is reported, and not thrown', async (t) => {
  const app = await build(t)
  const reported: unknown[] = []
  const db = { ...app.db, write: () => Promise.reject(new Error('disk full')) }
  const refusals = new Refusals({ db, clock: app.clock, keyedHash: app.keyedHash }, (error) => reported.push(error))
  refusals.note(from('192.0.2.1'), { kind: 'login_failed' })
  await refusals.flush()
  t.match(reported, [{ message: 'disk full' }])
})
