import t from 'tap'
import { setActive } from '../../domain/accounts/administration.ts'
import { sweep } from '../../domain/sweeping.ts'
import { build, logIn, post, register, START, type TestApp } from '../helper.ts'

const DAY = 86_400

const sessions = (app: TestApp) => app.db.read.selectFrom('sessions').select(['id', 'ended_at', 'end_reason']).orderBy('id').execute()
const kinds = async (app: TestApp) => {
  const rows = await app.db.read.selectFrom('auth_events').select(['kind', 'reason', 'at']).orderBy('id').execute()
  return rows.filter(({ kind }) => kind !== 'key_created').map(({ kind, reason, at }) => [kind, reason, (at - START) / 1000])
}

t.test('an idle session is marked as expired at the expiry of its refresh token, once its access tokens have expired too', async (t) => {
  const app = await build(t)
  await register(app)
  await logIn(app)
  app.clock.advance(DAY + 299)
  await sweep(app)
  t.same(await sessions(app), [{ id: 1, ended_at: null, end_reason: null }])
  app.clock.advance(1)
  await sweep(app)
  t.same(await sessions(app), [{ id: 1, ended_at: START + DAY * 1000, end_reason: 'expired' }])
  t.same((await kinds(app)).at(-1), ['session_ended', 'expired', DAY])
})

t.test('a session expires at SESSION_MAX_AGE, however often it is refreshed', async (t) => {
  const app = await build(t, { SESSION_MAX_AGE: '100', REFRESH_TOKEN_TTL: '60' })
  await register(app)
  const { refresh } = await logIn(app)
  app.clock.advance(50)
  t.equal((await post(app, '/api/token/refresh/', { refresh })).statusCode, 200)
  app.clock.advance(50)
  await sweep(app)
  t.same(await sessions(app), [{ id: 1, ended_at: START + 100_000, end_reason: 'expired' }])
})

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

t.test('a sweep of several batches lets other writes in between them', async (t) => {
  const app = await build(t, { SESSIONS_PER_USER: '1000', SESSION_HISTORY: '0' })
  await register(app)
  for (let i = 0; i < 250; i++) await logIn(app)
  await setActive(app, 'alice', false)
  app.clock.advance(1)
  const done: string[] = []
  await Promise.all([
    sweep(app).then(() => done.push('swept')),
    app.db.write((handle) => handle.selectFrom('users').select('id').execute()).then(() => done.push('written')),
  ])
  t.same(done, ['written', 'swept'])
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
