import t from 'tap'
import { hashOfName } from '../../../domain/keyed-hash.ts'
import { build, logIn, post, register, START, type TestApp } from '../../helper.ts'
import { attempt } from '../../limits/limits.ts'

const from = (address: string) => ({ address, client: 'curl/8', requestId: 'r', isShared: false })

/** The refusals of an app, without what all rows have. */
async function refusals(app: TestApp) {
  await app.refusals.flush()
  const rows = await app.db.read
    .selectFrom('auth_events')
    .select(['kind', 'reason', 'user_id', 'username', 'name_hash', 'session_id', 'address', 'client', 'count'])
    .where('kind', 'in', ['login_failed', 'login_throttled', 'refresh_refused'])
    .orderBy('id')
    .execute()
  return rows
}

function noteUnknown(app: TestApp, address: string, times: number, name = 'n'): void {
  for (let i = 0; i < times; i++) {
    app.refusals.note(from(address), { kind: 'login_failed', reason: 'user_unknown', username: `${name}${i}` })
  }
}

function noteUser(app: TestApp, address: string, userId: number): void {
  app.refusals.note(from(address), { kind: 'login_failed', reason: 'wrong_password', username: `user-${userId}`, userId })
}

t.test('a network has 30 rows of different refusals a minute, and further ones are counted in one row of the network', async (t) => {
  const app = await build(t)
  noteUnknown(app, '2001:db8::1', 100, 'a')
  noteUnknown(app, '2001:db8:0:1::1', 900, 'b')
  noteUnknown(app, '192.0.2.1', 1)
  const rows = await refusals(app)
  t.equal(rows.length, 32)
  t.strictSame(rows.at(-2), {
    kind: 'login_failed',
    reason: 'user_unknown',
    user_id: null,
    username: null,
    name_hash: null,
    session_id: null,
    address: '2001:db8::/48',
    client: null,
    count: 970,
  })
  t.match(rows.at(-1), { address: '192.0.2.1', name_hash: /^[\w-]{22}$/, count: 1 })
  app.clock.advance(60)
  noteUnknown(app, '2001:db8::1', 1, 'c')
  t.match((await refusals(app)).at(-1), { address: '2001:db8::1', client: 'curl/8', count: 1 })
})

t.test('beyond 300 different refusals a minute the others are counted in one row without name and address', async (t) => {
  const app = await build(t)
  for (let i = 0; i < 1000; i++) noteUnknown(app, `198.51.${i >> 8}.${i & 255}`, 1)
  const rows = await refusals(app)
  t.equal(rows.length, 301)
  t.match(rows.at(-1), { reason: 'user_unknown', name_hash: null, address: null, client: null, count: 700 })
})

t.test('a wrong password of a user always has its row, whatever others have sent', async (t) => {
  const app = await build(t)
  for (let i = 0; i < 1000; i++) noteUnknown(app, `198.51.${i >> 8}.${i & 255}`, 1)
  noteUnknown(app, '192.0.2.1', 500)
  for (let id = 1; id <= 50; id++) noteUser(app, '192.0.2.1', id)
  const ofUsers = (await refusals(app)).filter(({ user_id }) => user_id !== null)
  t.same(
    ofUsers.map(({ username, address, count }) => [username, address, count]),
    Array.from({ length: 50 }, (_, i) => [`user-${i + 1}`, '192.0.2.1', 1]),
  )
})

t.test('what is counted in one row of many names no user, session or name of them', async (t) => {
  const app = await build(t)
  const refuse = (userId: number) => {
    const session = { userId, username: `user-${userId}`, sid: `sid-${userId}` }
    app.refusals.note(from('192.0.2.1'), { kind: 'refresh_refused', reason: 'replaced', ...session })
  }
  for (let id = 1; id <= 35; id++) refuse(id)
  const nobody = { user_id: null, username: null, name_hash: null, session_id: null, address: '192.0.2.1', client: null, count: 5 }
  t.match((await refusals(app)).at(-1), nobody)
})

t.test('no more than 1000 rows wait in memory, whoever they are of', async (t) => {
  const app = await build(t)
  for (let id = 1; id <= 3000; id++) noteUser(app, '192.0.2.1', id)
  for (let i = 0; i < 2; i++) noteUser(app, '192.0.2.1', 1)
  noteUnknown(app, '192.0.2.2', 2000)
  t.equal(app.refusals.stats.waiting, 1002)
  const rows = await refusals(app)
  t.equal(
    rows.reduce((sum, { count }) => sum + count, 0),
    5002,
    'all are counted',
  )
  t.match(rows[0], { username: 'user-1', count: 3 }, 'in the row that waits already, where there is one')
})

t.test('refusals that could not be written are lost, and how many rows is counted', async (t) => {
  const app = await build(t)
  const { write } = app.db
  app.db.write = () => Promise.reject(new Error('SQLITE_FULL'))
  for (const id of [1, 2, 2]) noteUser(app, '192.0.2.1', id)
  await app.refusals.flush()
  app.db.write = write
  t.strictSame(app.refusals.stats, { waiting: 0, lost: 2 })
  t.same(await refusals(app), [])
})

t.test('what is refused by a limit is one row a minute for a network, whatever the names', async (t) => {
  const app = await build(t)
  await register(app)
  const throttle = (address: string, username: string) =>
    app.refusals.note(from(address), { kind: 'login_throttled', reason: 'pair', username })
  for (let i = 0; i < 500; i++) throttle(`2001:db8::${i % 7}`, `n${i}`)
  throttle('192.0.2.1', 'alice')
  throttle('192.0.2.1', 'alice')
  throttle('192.0.2.2', 'nobody')
  await app.refusals.flush()
  throttle('192.0.2.1', 'alice')
  throttle('192.0.2.2', 'nobody')
  t.same(
    (await refusals(app)).map(({ username, name_hash, address, count }) => [username, name_hash, address, count]),
    [
      [null, null, '2001:db8::/64', 500],
      ['alice', null, '192.0.2.1', 3],
      [null, hashOfName(app.keyedHash, 'nobody'), '192.0.2.2', 2],
    ],
    'the name stays while all have the same',
  )
  throttle('192.0.2.1', 'bob')
  throttle('192.0.2.2', 'somebody')
  await app.refusals.flush()
  throttle('192.0.2.1', 'alice')
  t.same(
    (await refusals(app)).map(({ username, name_hash, count }) => [username, name_hash, count]),
    [
      [null, null, 500],
      [null, null, 5],
      [null, null, 3],
    ],
    'and goes for good with the first other one',
  )
  app.clock.advance(60)
  throttle('192.0.2.1', 'alice')
  t.match((await refusals(app)).at(-1), { username: 'alice', address: '192.0.2.1', count: 1 })
})

t.test('a row of many names has none, also when the first of them is a user, or all of them are one by now', async (t) => {
  const app = await build(t)
  await register(app)
  const throttle = (address: string, username: string) =>
    app.refusals.note(from(address), { kind: 'login_throttled', reason: 'pair', username })
  throttle('192.0.2.1', 'alice')
  throttle('192.0.2.1', 'bob')
  t.match(await refusals(app), [{ username: null, name_hash: null, address: '192.0.2.1', count: 2 }])
  for (let i = 0; i < 299; i++) noteUnknown(app, `198.51.100.${i & 255}`, 1, `${i} `)
  throttle('192.0.2.2', 'alice')
  t.match((await refusals(app)).at(-1), { username: null, name_hash: null, address: null, count: 1 })
})

t.test(
  'a name that was no user when its password was compared stays a hash, also when it is registered before that is written',
  async (t) => {
    const app = await build(t)
    app.refusals.note(from('192.0.2.1'), { kind: 'login_failed', reason: 'user_unknown', username: 'alice' })
    await register(app)
    t.match(await refusals(app), [{ user_id: null, username: null, name_hash: hashOfName(app.keyedHash, 'alice') }])
  },
)

t.test('a name that the database would store as that of a user is not taken for it', async (t) => {
  const app = await build(t)
  await register(app, 'alice\ufffd')
  app.refusals.note(from('192.0.2.1'), { kind: 'login_throttled', reason: 'pair', username: 'alice\ud800' })
  t.match(await refusals(app), [{ username: null, name_hash: String }])
})

t.test('of a name that is no user nothing is kept but a keyed hash, also when it is registered later', async (t) => {
  const app = await build(t, { LOGIN_FAILURES_PER_PAIR: '2' })
  const secret = 'k7$wQz!typed-into-the-wrong-field'
  const fail = () => attempt(app, { username: ` ${secret} ` })
  for (let i = 0; i < 3; i++) t.equal((await fail()).status, i < 2 ? 401 : 429)
  const nameHash = hashOfName(app.keyedHash, secret)
  const row = { user_id: null, username: null, name_hash: nameHash, session_id: null, address: '192.0.2.1', client: 'lightMyRequest' }
  const before = [
    { ...row, kind: 'login_failed', reason: 'user_unknown', count: 2 },
    { ...row, kind: 'login_throttled', reason: 'pair', count: 1 },
  ]
  t.strictSame(await refusals(app), before)
  for (const table of ['auth_events', 'tallies', 'secrets'] as const) {
    t.notOk(JSON.stringify(await app.db.read.selectFrom(table).selectAll().execute()).includes(secret), table)
  }
  await register(app, secret, 'another horse battery')
  t.strictSame(await refusals(app), before)
})

t.test('an event keeps 200 bytes of a User-Agent, and so does a session: no character is cut in half', async (t) => {
  const app = await build(t)
  await register(app)
  // Node reads the bytes of a header as Latin-1: each of these takes two bytes of UTF-8.
  const client = `a${'é'.repeat(300)}`
  const kept = `a${'é'.repeat(99)}`
  t.equal(Buffer.byteLength(kept), 199)
  const ask = (url: string, payload: object) => post(app, url, payload, { 'user-agent': client })
  const { refresh } = (await ask('/api/token/', { username: 'alice', password: 'correct horse battery' })).json()
  await ask('/api/token/', { username: 'alice', password: 'wrong' })
  await ask('/api/token/refresh/', { refresh })
  await app.refusals.flush()
  const clients = await app.db.read.selectFrom('auth_events').select('client').where('at', '=', START).where('client', '>', 'a').execute()
  t.ok(clients.some((row) => row.client === kept))
  t.notOk(clients.some((row) => Buffer.byteLength(row.client as string) > 200))
  t.match(await app.db.read.selectFrom('sessions').select('client').execute(), [{ client: kept }])
  // The same client is none from elsewhere.
  await ask('/api/token/refresh/', { refresh })
  await logIn(app)
  const elsewhere = await app.db.read.selectFrom('auth_events').select('id').where('kind', '=', 'refresh_from_elsewhere').execute()
  t.same(elsewhere, [])
})
