import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { giveSession, insertDeadTokens, insertLegacyToken } from '../../db/legacy-tokens.ts'
import { listHistory } from '../../domain/sessions/history.ts'
import { sweep } from '../../domain/sweeping.ts'
import { build, logIn, post, register, START, type TestApp } from '../helper.ts'
import { setActive } from '../operator.ts'

const HOUR = 3600
const DAY = 86_400

const sessions = (app: TestApp) => app.db.read.selectFrom('sessions').select(['id', 'ended_at', 'end_reason']).orderBy('id').execute()
const kinds = async (app: TestApp) => {
  const rows = await app.db.read.selectFrom('auth_events').select(['kind', 'reason', 'at']).orderBy('id').execute()
  return rows.filter(({ kind }) => kind !== 'key_created').map(({ kind, reason, at }) => [kind, reason, (at - START) / 1000])
}

/** The sessions that have expired, by id, and after how many seconds they did. */
async function expiries(app: TestApp) {
  const happened = await listHistory(app, { limit: 1000 })
  const expired = happened.filter(({ kind, reason }) => kind === 'session_ended' && reason === 'expired')
  return expired.map(({ session_id, at }) => [Number.parseInt(session_id as string, 10), (at - START) / 1000])
}

t.test(
  'an idle session has expired at the expiry of its refresh token, once its access tokens have expired too; a sweep writes nothing',
  async (t) => {
    const app = await build(t)
    await register(app)
    await logIn(app)
    const before = await kinds(app)
    app.clock.advance(DAY + 299)
    t.same(await expiries(app), [])
    app.clock.advance(1)
    await sweep(app)
    t.same(await expiries(app), [[1, DAY]])
    t.same(await sessions(app), [{ id: 1, ended_at: null, end_reason: null }])
    t.same(await kinds(app), before)
  },
)

t.test('a session expires at SESSION_MAX_AGE, however often it is refreshed', async (t) => {
  const app = await build(t, { SESSION_MAX_AGE: '100', REFRESH_TOKEN_TTL: '60' })
  await register(app)
  const { refresh } = await logIn(app)
  app.clock.advance(50)
  const answer = await post(app, '/api/token/refresh/', { refresh })
  t.equal(answer.statusCode, 200)
  app.clock.advance(50)
  t.same(await expiries(app), [[1, 100]])
  t.equal((await post(app, '/api/token/refresh/', { refresh: answer.json().refresh })).statusCode, 401)
})

t.test('a session that has expired is not ended any more, and no event says that it was', async (t) => {
  const app = await build(t)
  await register(app)
  const { access } = await logIn(app)
  app.clock.advance(DAY + 300)
  const before = await kinds(app)
  t.equal((await post(app, '/api/token/revoke/', { token: access })).statusCode, 200)
  await setActive(app, 'alice', false)
  t.same(await sessions(app), [{ id: 1, ended_at: null, end_reason: null }])
  t.same((await kinds(app)).slice(before.length), [['user_disabled', null, DAY + 300]])
})

t.test(
  'a session that has expired is kept from the end of that hour as long as SESSION_HISTORY says, and as an access token may live',
  async (t) => {
    for (const [history, kept] of [
      ['1000', 1000],
      ['0', 300],
    ] as const) {
      const app = await build(t, { SESSION_HISTORY: history })
      await register(app)
      await logIn(app)
      app.clock.advance(DAY + HOUR - 1 + kept)
      await sweep(app)
      t.equal((await sessions(app)).length, 1)
      app.clock.advance(1)
      await sweep(app)
      t.same(await sessions(app), [])
      t.same(
        (await kinds(app)).map(([kind]) => kind),
        ['user_registered', 'login'],
      )
    }
  },
)

t.test('ended sessions are kept as long as SESSION_HISTORY says, and events as long as EVENTS_HISTORY', async (t) => {
  const app = await build(t, { SESSION_HISTORY: '1000', EVENTS_HISTORY: '2000' })
  await register(app)
  const { refresh } = await logIn(app)
  await post(app, '/api/token/blacklist/', { refresh })
  app.clock.advance(1000)
  await sweep(app)
  t.equal((await sessions(app)).length, 1)
  app.clock.advance(0.001)
  await sweep(app)
  t.same(await sessions(app), [])
  t.same(
    (await kinds(app)).map(([kind]) => kind),
    ['user_registered', 'login', 'session_ended'],
  )
  app.clock.advance(1000)
  await sweep(app)
  t.same(await kinds(app), [])
})

t.test('a legacy token is kept until it has expired by the clock of any process, whatever becomes of its session', async (t) => {
  const app = await build(t, { SESSION_HISTORY: '0' })
  await register(app)
  const { refresh } = await logIn(app)
  const session = await app.db.read.selectFrom('sessions').select('id').executeTakeFirstOrThrow()
  await app.db.write(async (handle) => {
    const token = { user_id: 1, expires_at: START + 600_000 }
    await insertDeadTokens(handle, [{ ...token, jti: 'dead' }])
    await insertLegacyToken(handle, { ...token, jti: 'used' })
    await giveSession(handle, 'used', session.id)
  })
  const tokens = () => app.db.read.selectFrom('legacy_tokens').select(['jti', 'session_id']).orderBy('jti').execute()
  await post(app, '/api/token/blacklist/', { refresh })
  app.clock.advance(660)
  await sweep(app)
  t.same(await sessions(app), [])
  t.same(await tokens(), [
    { jti: 'dead', session_id: null },
    { jti: 'used', session_id: null },
  ])
  app.clock.advance(0.001)
  await sweep(app)
  t.same(await tokens(), [])
})

/** An app with so many sessions that a sweep will delete. */
async function withOld(t: Test, count: number): Promise<TestApp> {
  const app = await build(t, { SESSION_HISTORY: '0' })
  await register(app)
  await app.db.write((handle) =>
    sql`
      with recursive n (i) as (select 1 union all select i + 1 from n where i < ${count})
      insert into sessions (user_id, created_at, refreshed_at, expires_at, refresh_jti, refresh_iat, refresh_exp, replaced)
      select 1, 0, 0, 1000 + i * 1000, 'j' || i, 0, 1 + i, '' from n`.execute(handle),
  )
  return app
}

t.test('a sweep of several batches lets other writes in between them', async (t) => {
  const app = await withOld(t, 2000)
  const done: string[] = []
  await Promise.all([
    sweep(app).then(() => done.push('swept')),
    app.db.write((handle) => handle.selectFrom('users').select('id').execute()).then(() => done.push('written')),
  ])
  t.same(done, ['written', 'swept'])
  t.same(await sessions(app), [])
})

t.test('a sweep deletes at most five hundred rows at once, the oldest first, and tells how many', async (t) => {
  const app = await withOld(t, 2000)
  const told: [string, number][] = []
  const left: number[] = []
  const { write } = app.db
  app.db.write = async (job, options) => {
    const result = await write(job, options)
    left.push((await sessions(app))[0]?.id ?? 2001)
    return result
  }
  await sweep(app, undefined, (what, rows) => told.push([what, rows]))
  app.db.write = write
  const batches = told.filter(([what]) => what === 'expired sessions').map(([, rows]) => rows)
  t.equal(batches[0], 100)
  t.ok(batches.every((rows) => rows <= 500))
  t.equal(
    batches.reduce((sum, rows) => sum + rows, 0),
    2000,
  )
  t.same(
    left.toSorted((one, other) => one - other),
    left,
  )
})

t.test('a sweep ends while the log of writes would grow, and the next one goes on', async (t) => {
  const app = await withOld(t, 500)
  const { tidy } = app.db
  app.db.tidy = async () => false
  await sweep(app)
  t.equal((await sessions(app)).length, 400)
  app.db.tidy = tidy
  await sweep(app)
  t.same(await sessions(app), [])
})

t.test('a sweep stops when the service stops', async (t) => {
  const app = await build(t, { SESSION_HISTORY: '0' })
  await register(app)
  await logIn(app)
  await setActive(app, 'alice', false)
  app.clock.advance(1)
  await sweep(app, () => true)
  t.equal((await sessions(app)).length, 1)
})
