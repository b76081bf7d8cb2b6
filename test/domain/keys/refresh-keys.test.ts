import t from 'tap'
import { updateSigningKey } from '../../../db/signing-keys.ts'
import { listKeys, retireAllKeys, retireKey, rotateKeys } from '../../../domain/keys/commands.ts'
import { databaseUrl } from '../../databases.ts'
import { build, claimsOf, logIn, post, register } from '../../helper.ts'
import { postForm, REFRESH } from '../../wire/wire.ts'
import { DAY, HS256, kidOf, openSite } from './keys.ts'

const MONTH = 30 * DAY

t.test('two tabs get the same refresh token letter by letter, also from another process and after a rotation of its key', async (t) => {
  const env = { DATABASE_URL: await databaseUrl(t) }
  const [one, two] = [await build(t, env), await build(t, env)]
  await register(one)
  const { refresh } = await logIn(one)
  const first = (await post(one, REFRESH, { refresh })).json().refresh
  const { kid } = await rotateKeys(one, 'refresh')
  for (const app of [one, two]) {
    app.clock.advance(2)
    await app.keys.look()
  }
  t.equal(kidOf((await logIn(two)).refresh), kid, 'the new key signs')
  for (const app of [two, one]) t.equal((await post(app, REFRESH, { refresh })).json().refresh, first)
})

t.test('where the key of that token was retired in between, the second tab gets one that works', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh } = await logIn(app)
  const { kid } = await rotateKeys(app, 'refresh')
  app.clock.advance(2)
  await app.keys.look()
  const first = (await post(app, REFRESH, { refresh })).json().refresh
  t.equal(kidOf(first), kid)
  await retireKey(app, kid)
  await app.keys.look()
  const second = (await post(app, REFRESH, { refresh })).json().refresh
  t.equal(claimsOf(second).jti, claimsOf(first).jti)
  t.equal((await post(app, REFRESH, { refresh: first })).statusCode, 401)
  t.equal((await post(app, REFRESH, { refresh: second })).statusCode, 200)
})

t.test('when the key of refresh tokens is retired, a new one signs, and not the one before it', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const first = kidOf(process.issue('refresh'))
  const { kid, signsFrom } = await rotateKeys(process, 'refresh')
  site.now = signsFrom
  await process.tick()
  t.equal(kidOf(process.issue('refresh')), kid)
  await retireKey(process, kid)
  await process.tick()
  t.notOk([first, kid].includes(kidOf(process.issue('refresh'))))
})

t.test(
  'after its last token is dead a key of refresh tokens verifies nothing, and is recalled until addresses are forgotten',
  async (t) => {
    const site = await openSite(t)
    const process = await site.start()
    site.now += MONTH - 1
    await process.tick()
    site.now++
    const token = process.issue('refresh')
    await process.tick()
    site.now += 2 * DAY
    await process.tick()
    t.not(kidOf(process.issue('refresh')), kidOf(token))
    t.notOk(await process.accepts(token))
    t.equal(await process.ring.search(kidOf(token)), undefined)
    t.equal(process.ring.refreshSigner(claimsOf(token).iat as number).kid, kidOf(process.issue('refresh')), 'nor does it sign')
    t.equal((await process.tokens.recognize(token))?.token_type, 'refresh')
    t.equal((await listKeys(process)).find(({ kid }) => kid === kidOf(token))?.state, 'ended')

    site.now += process.config.knownAddressHistorySeconds * 1000
    await process.tick()
    t.equal(await process.ring.recall(kidOf(token)), undefined)
    t.notOk((await listKeys(process)).some(({ kid }) => kid === kidOf(token)))
  },
)

t.test('an expired refresh token of a key that has ended still ends its session by revocation', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh } = await logIn(app)
  await rotateKeys(app, 'refresh')
  await app.keys.look()
  app.clock.advance(2)
  const ended = { used_at: app.clock() - 2 * DAY, signs_from: app.clock() - 3 * DAY }
  await app.db.write((handle) => updateSigningKey(handle, kidOf(refresh), ended))
  await app.keys.look()
  t.equal((await post(app, REFRESH, { refresh })).statusCode, 401)
  t.equal((await postForm(app, '/api/token/revoke/', { token: refresh })).statusCode, 200)
  const { end_reason } = await app.db.read.selectFrom('sessions').select('end_reason').executeTakeFirstOrThrow()
  t.equal(end_reason, 'logout')
})

for (const [name, env, found] of [
  ['ES256', {}, {}],
  [
    'ES256 and SECRETS_KEY',
    { SECRETS_KEY: Buffer.alloc(32, 1).toString('base64') },
    { SECRETS_KEY: Buffer.alloc(32, 1).toString('base64') },
  ],
  [
    'ES256 and a SECRETS_KEY that is lost',
    { SECRETS_KEY: Buffer.alloc(32, 1).toString('base64') },
    { SECRETS_KEY: Buffer.alloc(32, 2).toString('base64') },
  ],
  ['HS256', HS256, HS256],
] as const) {
  t.test(
    `after retire --all with ${name} no token that a key of the database has signed is accepted, and new ones are at once`,
    async (t) => {
      const site = await openSite(t)
      const before = await site.start(env)
      const [access, refresh] = [before.issue(), before.issue('refresh')]
      await retireAllKeys(await site.context(found))
      const after = await site.start(found)
      t.notOk(await after.accepts(refresh))
      t.equal(await after.tokens.recognize(refresh), undefined)
      // JWT_SECRET is no key of the database: who has a copy of that cannot sign with it.
      t.equal(await after.accepts(access), name === 'HS256')
      for (const token of [after.issue(), after.issue('refresh')]) t.ok(await after.accepts(token))
      const states = (await listKeys(after)).filter(({ state }) => state !== 'retired').map(({ use, state }) => `${use} ${state}`)
      t.same(
        states.sort(),
        ['access pending', 'access signing', 'refresh signing'].filter((one) => name !== 'HS256' || one !== 'access pending'),
      )
      t.equal(after.ring.publicJwks.length, name === 'HS256' ? 0 : 2)
    },
  )
}
