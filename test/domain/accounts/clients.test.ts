import t from 'tap'
import { listClients } from '../../../db/clients.ts'
import { createClient, isClient, revokeClient } from '../../../domain/accounts/clients.ts'
import { build, START } from '../../helper.ts'

t.test('a client gets an id and a secret of 256 random bits, both URL-safe and different for every client', async (t) => {
  const app = await build(t)
  const first = await createClient(app, 'shop')
  const second = await createClient(app, 'shop')
  t.match(first, { clientId: /^[0-9a-f]{32}$/, clientSecret: /^[\w-]{43}$/ })
  t.not(first.clientId, second.clientId)
  t.not(first.clientSecret, second.clientSecret)
})

t.test('the secret of a client can be read neither from its row nor from its events', async (t) => {
  const app = await build(t)
  const { clientId, clientSecret } = await createClient(app, 'shop')
  const rows = [
    ...(await app.db.read.selectFrom('clients').selectAll().execute()),
    ...(await app.db.read.selectFrom('auth_events').selectAll().where('kind', '=', 'client_created').execute()),
  ]
  t.equal(rows.length, 2)
  const text = JSON.stringify(rows)
  t.match(text, clientId)
  t.notMatch(text, clientSecret)
  const [stored = ''] = rows.map((row) => ('secret_hash' in row ? row.secret_hash : ''))
  t.match(stored, /^[0-9a-f]{64}$/)
  t.notOk(await isClient(app, { clientId, clientSecret: stored }), 'the stored hash does not authenticate the client')
})

t.test('a revoked client is refused and stays listed with the time of its first revocation; others are still accepted', async (t) => {
  const app = await build(t)
  const shop = await createClient(app, 'shop')
  app.clock.advance(1)
  const desk = await createClient(app, 'desk')
  app.clock.advance(1)
  const row = { client_id: shop.clientId, name: 'shop', created_at: START, revoked_at: START + 2000 }
  t.match(await revokeClient(app, shop.clientId), row)
  app.clock.advance(1)
  t.match(await revokeClient(app, shop.clientId), row, 'again')
  t.notOk(await isClient(app, shop))
  t.ok(await isClient(app, desk))
  t.match(await listClients(app.db.read, 10), [{ client_id: desk.clientId, created_at: START + 1000, revoked_at: null }, row])
})

t.test('the creation and the revocation of a client are each recorded once, under its id', async (t) => {
  const app = await build(t)
  const { clientId } = await createClient(app, 'shop')
  await revokeClient(app, clientId)
  await revokeClient(app, clientId)
  t.equal(await revokeClient(app, 'nobody'), undefined)
  const columns = ['kind', 'subject', 'at', 'username'] as const
  const events = await app.db.read.selectFrom('auth_events').select(columns).where('kind', '!=', 'key_created').orderBy('id').execute()
  t.strictSame(events, [
    { kind: 'client_created', subject: clientId, at: START, username: null },
    { kind: 'client_revoked', subject: clientId, at: START, username: null },
  ])
})

t.test('when the event cannot be written, the client is not stored either', async (t) => {
  const app = await build(t)
  await app.db.write((handle) => handle.schema.alterTable('auth_events').renameTo('elsewhere').execute())
  await t.rejects(createClient(app, 'shop'))
  t.strictSame(await listClients(app.db.read, 10), [])
})
