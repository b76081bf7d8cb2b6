// Not on PostgreSQL: it is about the answers, which do not depend on the kind of database.
import t from 'tap'
import { listEvents } from '../../db/auth-events.ts'
import { changePassword, deleteAccount } from '../../domain/accounts/own.ts'
import { noOrigin } from '../../domain/events/record.ts'
import { sweep } from '../../domain/sweeping.ts'
import { build, claimsOf, logIn, post, register } from '../helper.ts'
import { HEADER, LOGIN, OBTAIN, wrongCredentials } from '../wire/wire.ts'
import { attempt, failWithAnyName, logsIn, RIGHT, throttled, throttledInMessage, two, wrong } from './limits.ts'

t.test('a throttled attempt is not counted, and does not make the wait longer', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  for (let i = 0; i < 10; i++) await attempt(a)
  for (let i = 0; i < 50; i++) t.strictSame(await attempt(i % 2 ? a : b), throttled(1))
  advance(1)
  t.equal(await logsIn(b), 200)
})

t.test('every endpoint that takes a password shares the limits, and answers in the shape of its own problems', async (t) => {
  const app = await build(t)
  await register(app)
  const { access } = await logIn(app)
  const headers = { authorization: `Bearer ${access}` }
  const endpoints = [
    { url: OBTAIN, refused: wrong, slowed: throttled },
    { url: LOGIN, refused: { ...wrongCredentials, retryAfter: undefined }, slowed: throttledInMessage },
    { url: HEADER, headers, refused: { ...wrongCredentials, retryAfter: undefined }, slowed: throttledInMessage },
  ]
  for (let i = 0; i < 10; i++) {
    const { refused, slowed: _, ...options } = endpoints[i % endpoints.length] as (typeof endpoints)[number]
    t.strictSame(await attempt(app, options), refused, `failure ${i + 1}: ${options.url}`)
  }
  for (const { refused: _, slowed, ...options } of endpoints) t.strictSame(await attempt(app, options), slowed(1), options.url)
})

t.test('a password change and the deletion of an account share the limits of the login', async (t) => {
  const app = await build(t)
  await register(app)
  const { user_id, sid } = claimsOf((await logIn(app)).access)
  const caller = { id: user_id as number, username: 'alice', sessionId: 1, sid: sid as string }
  const origin = { ...noOrigin, address: '192.0.2.1' }
  const change = () => changePassword(app, origin, caller, { current: 'wrong', next: 'another horse battery' })
  for (let i = 0; i < 5; i++) {
    await t.rejects(change(), { code: 'invalid', members: { current_password: ['Invalid password.'] } })
    await t.rejects(deleteAccount(app, origin, caller, { password: 'wrong' }), {
      code: 'invalid',
      members: { password: ['Invalid password.'] },
    })
  }
  const refused = { code: 'throttled', status: 429, headers: { 'retry-after': '1' } }
  await t.rejects(change(), refused)
  await t.rejects(deleteAccount(app, origin, caller, { password: RIGHT.password }), refused)
  t.strictSame(await attempt(app), throttled(1))
})

t.test('a throttled attempt is answered without a write', async (t) => {
  const app = await build(t)
  for (let i = 0; i < 10; i++) await attempt(app)
  await app.refusals.flush()
  const { write } = app.db
  app.db.write = () => t.fail('it writes') as never
  t.strictSame(await attempt(app), throttled(1))
  app.db.write = write
})

t.test('for a throttled attempt no password is hashed', async (t) => {
  const app = await build(t)
  await register(app)
  for (let i = 0; i < 10; i++) await attempt(app)
  let hashes = 0
  const { matches } = app.hashing
  app.hashing.matches = (...args) => {
    hashes++
    return matches.apply(app.hashing, args)
  }
  t.strictSame(await attempt(app), throttled(1))
  t.equal(hashes, 0)
  app.clock.advance(1)
  await attempt(app)
  t.equal(hashes, 1)
})

t.test('a throttled attempt is recorded as an event, with the limit that refused it', async (t) => {
  const app = await build(t, { LOGIN_FAILURES_PER_PAIR: '1', LOGIN_FAILURES_PER_ADDRESS: '3', LOGIN_FAILURES_PER_ACCOUNT: '2' })
  await register(app)
  await attempt(app)
  await attempt(app)
  await attempt(app, { from: '192.0.2.2' })
  await attempt(app, { from: '192.0.2.3' })
  await attempt(app, { username: 'bob' })
  await attempt(app, { username: 'carol' })
  await attempt(app, { username: 'dave' })
  await app.refusals.flush()
  const events = await listEvents(app.db.read, { limit: 100 })
  t.strictSame(
    events
      .filter(({ kind }) => kind === 'login_throttled')
      .map(({ reason, username, address, count }) => [reason, username, address, count]),
    [
      ['address', null, '192.0.2.1', 1],
      ['account', 'alice', '192.0.2.3', 1],
      ['pair', 'alice', '192.0.2.1', 1],
    ],
  )
})

t.test('counts that have run out are swept, and so are known addresses after KNOWN_ADDRESS_HISTORY', async (t) => {
  const app = await build(t, { KNOWN_ADDRESS_HISTORY: '7200' })
  await register(app)
  t.equal(await logsIn(app), 200)
  await failWithAnyName([app], 150, '198.51.100.1')
  const rows = async () => [
    (await app.db.read.selectFrom('tallies').selectAll().execute()).length,
    (await app.db.read.selectFrom('known_addresses').selectAll().execute()).length,
  ]
  t.strictSame(
    await rows(),
    [302, 2],
    '150 pairs, 150 accounts, the address, and the registration; the address of it, and that of the login',
  )
  await sweep(app)
  t.strictSame(await rows(), [302, 2])
  app.clock.advance(3600.001)
  await sweep(app)
  t.strictSame(await rows(), [0, 2])
  app.clock.advance(3600)
  await sweep(app)
  t.strictSame(await rows(), [0, 0])
})

t.test('successful logins leave no counts in the database', async (t) => {
  const app = await build(t)
  await register(app)
  for (let i = 0; i < 20; i++) t.equal(await logsIn(app, { from: `192.0.2.${i}` }), 200)
  const tallies = await app.db.read.selectFrom('tallies').select('key').execute()
  t.equal(tallies.length, 1, 'only that of the registration')
})

t.test('with LIMITS=off no attempt is throttled', async (t) => {
  const app = await build(t, { LIMITS: 'off' })
  for (let i = 0; i < 40; i++) await register(app, `user-${i}`)
  for (let i = 0; i < 400; i++) if ((await attempt(app, { username: 'user-0' })).status !== 401) t.fail(`attempt ${i}`)
  t.strictSame(await attempt(app, { username: 'user-0' }), wrong)
  t.equal((await post(app, OBTAIN, { username: 'user-0', ...RIGHT })).statusCode, 200)
})
