import t from 'tap'
import { build, claimsOf, PASSWORD, post, register, START, type TestApp } from '../../helper.ts'

interface Client {
  readonly from?: string
  readonly client?: string
}

async function logIn(app: TestApp, { from = '192.0.2.1', client = 'curl/8' }: Client = {}): Promise<{ refresh: string; access: string }> {
  const payload = { username: 'alice', password: PASSWORD }
  return (await app.inject({ method: 'POST', url: '/api/token/', payload, remoteAddress: from, headers: { 'user-agent': client } })).json()
}

const sidOf = ({ access }: { access: string }) => claimsOf(access).sid

function eventsOf(app: TestApp, kind: 'login' | 'session_ended' | 'refresh_from_elsewhere') {
  return app.db.read
    .selectFrom('auth_events')
    .select(['reason', 'session_id', 'address', 'client', 'count', 'at', 'last_at'])
    .where('kind', '=', kind)
    .orderBy('id')
    .execute()
}

t.test('logins of one user from one network and client within a minute are one event, with the session of the first', async (t) => {
  const app = await build(t)
  await register(app)
  const first = await logIn(app, { from: '2001:db8::1' })
  app.clock.advance(59)
  await logIn(app, { from: '2001:db8::2' })
  const other = await logIn(app, { from: '2001:db8:0:1::1' })
  const another = await logIn(app, { from: '2001:db8::1', client: 'Browser/1.0' })
  app.clock.advance(1)
  const later = await logIn(app, { from: '2001:db8::1' })
  const row = { reason: null, client: 'curl/8', count: 1, at: START + 59_000, last_at: START + 59_000 }
  t.strictSame(await eventsOf(app, 'login'), [
    { ...row, session_id: sidOf(first), address: '2001:db8::1', count: 2, at: START },
    { ...row, session_id: sidOf(other), address: '2001:db8:0:1::1' },
    { ...row, session_id: sidOf(another), address: '2001:db8::1', client: 'Browser/1.0' },
    { ...row, session_id: sidOf(later), address: '2001:db8::1', at: START + 60_000, last_at: START + 60_000 },
  ])
})

t.test('a login is not counted with one of a time when the clock was ahead', async (t) => {
  const app = await build(t)
  await register(app)
  app.clock.jump(86_400)
  await logIn(app)
  app.clock.jump(-86_400)
  await logIn(app)
  t.same(
    (await eventsOf(app, 'login')).map(({ at, count }) => [at, count]),
    [
      [START + 86_400_000, 1],
      [START, 1],
    ],
  )
})

t.test('sessions that such logins supersede are one event, too, and those that were logged out are not', async (t) => {
  const app = await build(t, { SESSIONS_PER_USER: '1' })
  await register(app)
  const sessions = []
  for (let i = 0; i < 5; i++) sessions.push(await logIn(app))
  const last = sessions.at(-1) as { refresh: string; access: string }
  await post(app, '/api/token/blacklist/', { refresh: last.refresh })
  const next = await logIn(app)
  await post(app, '/api/token/blacklist/', { refresh: next.refresh })
  t.match(await eventsOf(app, 'session_ended'), [
    { reason: 'superseded', session_id: sidOf(sessions[0] as typeof last), address: '192.0.2.1', count: 4 },
    { reason: 'logout', session_id: sidOf(last), count: 1 },
    { reason: 'logout', session_id: sidOf(next), count: 1 },
  ])
})

t.test('a session that is superseded is counted with none that ended for another reason, neither alone nor among many', async (t) => {
  const app = await build(t, { SESSIONS_PER_USER: '1' })
  await register(app)
  const client = { remoteAddress: '192.0.2.1', headers: { 'user-agent': 'curl/8' } }
  const logInAndOut = async () => {
    const { refresh } = await logIn(app)
    await app.inject({ method: 'POST', url: '/api/token/blacklist/', payload: { refresh }, ...client })
  }
  await logInAndOut()
  for (let i = 0; i < 2; i++) await logIn(app)
  const reasons = async () => (await eventsOf(app, 'session_ended')).map(({ reason, count }) => [reason, count])
  t.same(await reasons(), [
    ['logout', 1],
    ['superseded', 1],
  ])
  for (let i = 0; i < 12; i++) await logIn(app, { client: `client-${i}` })
  for (let i = 0; i < 3; i++) await logInAndOut()
  t.same((await reasons()).slice(10), [
    ['superseded', 4],
    ['logout', 3],
  ])
})

t.test('a user has 10 rows of a kind a minute: further ones are counted in one without session, address and client', async (t) => {
  const app = await build(t)
  await register(app)
  for (let i = 0; i < 50; i++) {
    const { refresh } = await logIn(app, { client: `client-${i}`, from: `192.0.2.${i}` })
    await post(app, '/api/token/blacklist/', { refresh })
  }
  for (const [kind, reason] of [
    ['login', null],
    ['session_ended', 'logout'],
  ] as const) {
    const rows = await eventsOf(app, kind)
    t.equal(rows.length, 11, kind)
    t.match(rows[9], { reason, session_id: String, count: 1 })
    t.match(rows[10], { reason, session_id: null, address: null, client: null, count: 40 })
  }
  app.clock.advance(60)
  await logIn(app)
  t.match((await eventsOf(app, 'login')).at(-1), { session_id: String, count: 1 })
})

t.test('the events of one user take no place of those of another', async (t) => {
  const app = await build(t)
  await register(app)
  await register(app, 'bob')
  for (let i = 0; i < 30; i++) await logIn(app, { client: `client-${i}` })
  await post(app, '/api/token/', { username: 'bob', password: PASSWORD })
  const ofBob = await app.db.read.selectFrom('auth_events').select(['kind', 'count']).where('username', '=', 'bob').orderBy('id').execute()
  t.same(ofBob, [
    { kind: 'user_registered', count: 1 },
    { kind: 'login', count: 1 },
  ])
})
