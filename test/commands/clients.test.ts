import SQLite from 'better-sqlite3'
import t from 'tap'
import { databaseUrl, fileOf } from '../databases.ts'
import { basic, PASSWORD } from '../helper.ts'
import { serve } from '../server/in-process.ts'
import { postTo } from '../server/process.ts'
import { asJson, latchkey } from './latchkey.ts'

interface Created {
  readonly client_id: string
  readonly client_secret: string
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

t.test('a client is made, listed without its secret, and revoked', async (t) => {
  const database = await databaseUrl(t)
  const shop = (await asJson(t, latchkey(database, 'clients', 'create', ' the shop ', '--json'))) as Created
  t.strictSame(Object.keys(shop), ['client_id', 'client_secret'])
  const desk = (await asJson(t, latchkey(database, 'clients', 'create', 'desk', '--json'))) as Created

  const before = (await asJson(t, latchkey(database, 'clients', 'list', '--json'))) as Record<string, unknown>[]
  t.strictSame(
    before.map((client) => ({ ...client, created_at: INSTANT.test(String(client.created_at)) })),
    [
      { client_id: desk.client_id, name: 'desk', created_at: true, revoked_at: null },
      { client_id: shop.client_id, name: 'the shop', created_at: true, revoked_at: null },
    ],
  )

  const revoked = (await asJson(t, latchkey(database, 'clients', 'revoke', shop.client_id, '--json'))) as Record<string, unknown>
  t.match(revoked.revoked_at, INSTANT)
  t.strictSame(revoked, { ...before[1], revoked_at: revoked.revoked_at })
  t.strictSame(
    await asJson(t, latchkey(database, 'clients', 'revoke', shop.client_id, '--json')),
    revoked,
    'a second revocation changes nothing',
  )
  t.strictSame(await asJson(t, latchkey(database, 'clients', 'list', '--json')), [before[0], revoked])
  t.match(await latchkey(database, 'clients', 'list', '--limit', '1', '--json'), {
    code: 0,
    stdout: `[${JSON.stringify(before[0])}]\n`,
    stderr: 'latchkey: there are more; --limit shows them\n',
  })

  const events = (await asJson(t, latchkey(database, 'events', '--json'))) as Record<string, unknown>[]
  t.strictSame(
    events.map(({ kind, subject }) => [kind, subject]),
    [
      ['client_revoked', shop.client_id],
      ['client_created', desk.client_id],
      ['client_created', shop.client_id],
    ],
  )
})

t.test('without --json the output is a table', async (t) => {
  const database = await databaseUrl(t)
  t.match(await latchkey(database, 'clients', 'list'), { code: 0, stdout: 'none\n', stderr: '' })
  const created = await latchkey(database, 'clients', 'create', 'the shop')
  t.match(created, { code: 0, stdout: /^client_id {25}client_secret\n[0-9a-f]{32} {2}[\w-]{43}\n$/, stderr: '' })
  const { stdout } = await latchkey(database, 'clients', 'list')
  t.match(stdout, /^client_id {25}name {6}created_at {16}revoked_at\n[0-9a-f]{32} {2}the shop {2}20\S{22} {2}-\n$/)
})

t.test('an unknown client is one line on standard error, with exit code 1', async (t) => {
  const { code, stdout, stderr } = await latchkey(await databaseUrl(t), 'clients', 'revoke', 'nobody')
  t.strictSame(
    { code, stdout, stderr },
    { code: 1, stdout: '', stderr: 'latchkey: there is no client "nobody"; clients list shows those that there are\n' },
  )
})

t.test('a running server accepts a new client, and refuses a revoked one, at once', async (t) => {
  const database = await databaseUrl(t)
  const { url } = await serve(t, { DATABASE_URL: database })
  const credentials = { username: 'alice', password: PASSWORD }
  await postTo(`${url}/api/users/`, credentials)
  const { access } = (await postTo(`${url}/api/token/`, credentials)).body as { access: string }

  const created = (await asJson(t, latchkey(database, 'clients', 'create', 'shop', '--json'))) as Created
  const client = { clientId: created.client_id, clientSecret: created.client_secret }
  const introspect = () => postTo(`${url}/api/token/introspect/`, { token: access }, basic(client))
  t.match(await introspect(), { status: 200, body: { active: true, username: 'alice' } })
  await latchkey(database, 'clients', 'revoke', client.clientId)
  t.match(await introspect(), { status: 401, body: { code: 'invalid_client' } })

  if (!database.startsWith('file:')) return
  const sqlite = new SQLite(fileOf(database), { readonly: true })
  t.teardown(() => sqlite.close())
  t.equal(sqlite.pragma('integrity_check', { simple: true }), 'ok')
})
