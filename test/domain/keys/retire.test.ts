import t from 'tap'
import { KeyCommandError, listKeys, retireKey, rotateKeys } from '../../../domain/keys/commands.ts'
import { headerOf, START } from '../../helper.ts'
import { DAY, event, events, HS256, kidOf, openSite, SECRET } from './keys.ts'

t.test('a retired key verifies no token, in every process at once, not even a token that was verified and cached before', async (t) => {
  const site = await openSite(t)
  const [one, two] = [await site.start(), await site.start()]
  const token = one.issue()
  for (const process of [one, two]) t.ok(await process.accepts(token))
  await retireKey(one, kidOf(token))
  for (const process of [one, two]) {
    await process.ring.look()
    t.notOk(await process.accepts(token))
    t.notOk(process.ring.publicJwks.some(({ kid }) => kid === kidOf(token)))
  }
})

t.test('when the only signing key is retired, a new one is made, which signs at once in every process', async (t) => {
  const site = await openSite(t)
  const [one, two] = [await site.start(), await site.start()]
  const first = kidOf(one.issue())
  site.now += 1000
  const { retired, signing } = await retireKey(one, first)
  t.match(retired, { kid: first, state: 'retired', retiredAt: START + 1000, verifiesUntil: START + 1000 })
  t.match(signing, { algorithm: 'ES256', state: 'signing', createdAt: START + 1000, signsFrom: START + 1000 })
  for (const process of [one, two]) {
    await process.ring.look()
    t.equal(kidOf(process.issue()), signing?.kid)
  }
  t.same(await events(one), [
    event('key_created', first, START),
    event('key_retired', first, START + 1000),
    event('key_created', signing?.kid as string, START + 1000),
  ])
})

t.test('retire keeps the row of the key, without its private part', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const { retired } = await retireKey(process, kidOf(process.issue()))
  site.now += 1000 * DAY
  await process.tick()
  const rows = await process.db.read.selectFrom('signing_keys').selectAll().where('kid', '=', retired.kid).execute()
  t.match(rows, [{ private_key: null, retired_at: START }])
})

t.test('when the newest key is retired, the one before it signs again if it is still published', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const first = kidOf(process.issue())
  const { kid, signsFrom } = await rotateKeys(process)
  await process.tick()
  site.now = signsFrom
  await process.tick()
  t.equal(kidOf(process.issue()), kid)
  const { signing } = await retireKey(process, kid)
  t.match(signing, { kid: first })
  await process.tick()
  t.equal(kidOf(process.issue()), first)
})

t.test('when the newest key is retired, one that is no longer published does not sign again: a new one is made', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const { kid, signsFrom } = await rotateKeys(process)
  site.now = signsFrom + 2 * DAY
  const { signing } = await retireKey(process, kid)
  t.match(signing, { state: 'signing', createdAt: site.now }, 'a new key')
})

t.test('when the signing key is retired, one that is published but pending signs at once', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const first = kidOf(process.issue())
  const { kid } = await rotateKeys(process)
  const { signing } = await retireKey(process, first)
  t.match(signing, { kid })
  await process.tick()
  t.equal(kidOf(process.issue()), kid)
  t.match(await listKeys(process), [{}, {}])
  t.match(
    (await listKeys(process)).find((one) => one.kid === kid),
    { state: 'signing', signsFrom: START },
  )
})

t.test('a second retire changes nothing, and is not recorded', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const first = kidOf(process.issue())
  const { signing } = await retireKey(process, first)
  const before = await events(process)
  site.now += 1000
  const again = await retireKey(process, first)
  t.match(again, { retired: { kid: first, retiredAt: START }, signing: { kid: signing?.kid } })
  t.same(await events(process), before)
})

t.test('retire of an unknown kid fails, and records nothing', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  await t.rejects(retireKey(process, 'nonsense'), new KeyCommandError('there is no key nonsense'))
  t.equal((await events(process)).length, 1)
})

t.test('a JWT_SECRET that only verifies can be retired, and is then refused as the signing key', async (t) => {
  const site = await openSite(t)
  const token = (await site.start(HS256)).issue()
  const process = await site.start({ JWT_SECRET: SECRET })
  t.ok(await process.accepts(token))
  const { signing } = await retireKey(process, kidOf(token))
  t.match(signing, { algorithm: 'ES256' })
  await process.tick()
  t.notOk(await process.accepts(token))
  await t.rejects(site.start(HS256), {
    message: 'JWT_SECRET is a key that has been retired: set another one for JWT_ALGORITHM=HS256',
  })
})

t.test('when SECRETS_KEY is lost, the service starts again once all signing keys are retired', async (t) => {
  const site = await openSite(t)
  const lost = await site.start({ SECRETS_KEY: Buffer.alloc(32, 1).toString('base64') })
  await rotateKeys(lost)
  const found = { SECRETS_KEY: Buffer.alloc(32, 2).toString('base64') }
  const context = await site.context(found)
  for (const { kid } of await listKeys(context)) await retireKey(context, kid)
  const process = await site.start(found)
  t.ok(await process.accepts(process.issue()))
})

t.test('a process whose last key is retired by a command with another JWT_ALGORITHM makes a new key of its own algorithm', async (t) => {
  const site = await openSite(t)
  const process = await site.start({ JWT_ALGORITHM: 'EdDSA' })
  site.now += 1000
  const { signing } = await retireKey(await site.context(), kidOf(process.issue()))
  t.match(signing, { algorithm: 'ES256', createdAt: site.now }, 'a new key, for the settings of the command')
  await process.ring.look()
  t.throws(() => process.issue(), { code: 'overloaded', status: 503 })
  await process.tick()
  t.equal(headerOf(process.issue()).alg, 'EdDSA')
})
