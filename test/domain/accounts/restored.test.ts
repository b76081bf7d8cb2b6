import t from 'tap'
import { adapterOf } from '../../../db/dialect.ts'
import { settleRestored } from '../../../domain/accounts/restored.ts'
import { build, claimsOf, logIn, post, register, START, type TestApp } from '../../helper.ts'

const tables = ['users', 'sessions', 'auth_events'] as const

/** The highest id of each table that was ever given. */
const lastIds = async ({ db }: TestApp) => Promise.all(tables.map((table) => adapterOf(db.read).lastIdOf(db.read, table)))

const keysOf = ({ db }: TestApp) => db.read.selectFrom('signing_keys').select(['kid', 'retired_at']).orderBy('kid').execute()

const sessionsOf = ({ db }: TestApp) => db.read.selectFrom('sessions').select(['id', 'ended_at', 'end_reason']).orderBy('id').execute()

t.test('every live session ends as restored, each with the event of its user; what had ended or expired stays as it was', async (t) => {
  const app = await build(t, { REFRESH_TOKEN_TTL: '3600' })
  for (const name of ['alice', 'bob']) await register(app, name)
  await logIn(app, 'bob')
  app.clock.advance(7200)
  const out = await logIn(app, 'alice')
  await post(app, '/api/token/blacklist/', { refresh: out.refresh })
  const live = [await logIn(app, 'alice'), await logIn(app, 'bob')]
  // As it was before sessions had one.
  const ofBefore = Number.parseInt(claimsOf((await logIn(app, 'bob')).access).sid as string, 10)
  await app.db.write((handle) => handle.updateTable('sessions').set({ sid_secret: null }).where('id', '=', ofBefore).execute())
  app.clock.advance(1)

  const now = START + 7_201_000
  t.match(await settleRestored(app), { endedSessions: 3 })
  t.strictSame(
    (await sessionsOf(app)).map(({ ended_at, end_reason }) => [ended_at, end_reason]),
    [
      [null, null],
      [now - 1000, 'logout'],
      [now, 'restored'],
      [now, 'restored'],
      [now, 'restored'],
    ],
  )
  const columns = ['at', 'last_at', 'count', 'kind', 'user_id', 'username', 'session_id', 'actor_id', 'address'] as const
  const events = app.db.read.selectFrom('auth_events').select(columns).where('reason', '=', 'restored').orderBy('session_id')
  const event = { at: now, last_at: now, count: 1, kind: 'session_ended', actor_id: null, address: null }
  const expected = [
    { user_id: 1, username: 'alice', session_id: claimsOf((live[0] as { access: string }).access).sid },
    { user_id: 2, username: 'bob', session_id: claimsOf((live[1] as { access: string }).access).sid },
    { user_id: 2, username: 'bob', session_id: String(ofBefore) },
  ]
  t.strictSame(
    (await events.execute()).map((row) => ({ ...row })),
    expected.map((one) => ({ ...event, ...one })),
  )
  t.match(await settleRestored(app), { endedSessions: 0 }, 'done again, it ends nothing more')
})

t.test('all keys are retired, each with its event, and a service that runs makes others', async (t) => {
  const app = await build(t)
  await register(app)
  const { access } = await logIn(app)
  t.match(await settleRestored(app), { retiredKeys: 3 })
  const keys = app.db.read.selectFrom('signing_keys').select(['retired_at', 'private_key'])
  t.strictSame(
    (await keys.execute()).map((row) => ({ ...row })),
    Array(3).fill({ retired_at: START, private_key: null }),
  )
  const events = await app.db.read.selectFrom('auth_events').select('kind').where('kind', '=', 'key_retired').execute()
  t.equal(events.length, 3)

  await app.keys.look()
  await app.keys.keepUp()
  const refused = await post(app, '/api/token/verify/', { token: access })
  t.match(
    { status: refused.statusCode, body: refused.json() },
    { status: 401, body: { code: 'token_not_valid', detail: 'Token is invalid or expired' } },
  )
  const again = await logIn(app)
  t.equal((await post(app, '/api/token/verify/', { token: again.access })).statusCode, 200)
  t.match(await settleRestored(app), { retiredKeys: 3 }, 'the new ones, when it is done again')
})

t.test('JWT_SECRET, which is a setting, is not retired', async (t) => {
  const app = await build(t, { JWT_ALGORITHM: 'HS256', JWT_SECRET: 'a-secret-of-more-than-thirty-two-bytes' })
  t.match(await settleRestored(app), { retiredKeys: 1 })
  await app.keys.look()
  await app.keys.keepUp()
  await register(app)
  await logIn(app)
})

t.test('ids go on 1 000 000 further, or after the highest of the lost database where that is more', async (t) => {
  const app = await build(t)
  await register(app)
  await logIn(app)
  const before = await lastIds(app)
  const { nextIds } = await settleRestored(app, { users: 3_000_000, sessions: 5, tallies: 7 })
  t.strictSame(nextIds, { users: 3_000_001, sessions: 1_000_002, auth_events: (before[2] as number) + 1_000_001 })
  await register(app, 'bob')
  t.equal(claimsOf((await logIn(app, 'bob')).access).user_id, 3_000_001)
  t.match(claimsOf((await logIn(app, 'bob')).access).sid, /^1000003-/)
  t.match(await settleRestored(app), { nextIds: { users: 4_000_002 } }, 'and further, when it is done again')
})

t.test('ids go on after the highest row where the database has lost count of them', async (t) => {
  const app = await build(t)
  await register(app)
  await app.db.write((handle) => adapterOf(handle).setLastId(handle, 'users', 50))
  await register(app, 'bob')
  await app.db.write((handle) => adapterOf(handle).setLastId(handle, 'users', 1))
  t.match(await settleRestored(app), { nextIds: { users: 1_000_052 } })
})

t.test('when the last step fails nothing is done', async (t) => {
  const app = await build(t)
  await register(app)
  await logIn(app)
  const write: TestApp['db']['write'] = (job, options) =>
    app.db.write(async (handle) => {
      await job(handle)
      throw new Error('the disk is full')
    }, options)
  const before = [await sessionsOf(app), await keysOf(app)]
  const { clock, clockWatch, config } = app
  const core = { db: { ...app.db, write }, clock, clockWatch, config }
  await t.rejects(settleRestored(core), { message: 'the disk is full' })
  t.strictSame([await sessionsOf(app), await keysOf(app)], before)
})
