import t from 'tap'
import { KeyCommandError, listKeys, retireAllKeys, retireKey, rotateKeys } from '../../../domain/keys/commands.ts'
import type { KeyInfo } from '../../../domain/keys/describe.ts'
import { headerOf, START } from '../../helper.ts'
import { DAY, event, events, HS256, kidOf, nextKid, openSite, SECRET } from './keys.ts'

const ofAccess = (infos: readonly KeyInfo[]) => infos.find(({ use }) => use === 'access')

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

t.test('when the only signing key is retired, the next one signs at once in every process, and another follows it', async (t) => {
  const site = await openSite(t)
  const [one, two] = [await site.start(), await site.start()]
  const [first, next] = [kidOf(one.issue()), await nextKid(one)]
  const before = await events(one)
  site.now += 1000
  const { retired, signing } = await retireKey(one, first)
  t.match(retired, [{ kid: first, state: 'retired', retiredAt: START + 1000, verifiesUntil: START + 1000 }])
  t.match(ofAccess(signing), { kid: next, algorithm: 'ES256', state: 'signing', createdAt: START, signsFrom: START + 1000 })
  for (const process of [one, two]) {
    await process.ring.look()
    t.equal(kidOf(process.issue()), next)
  }
  const after = await nextKid(one)
  t.notOk([first, next, undefined].includes(after))
  t.same((await events(one)).slice(before.length), [event('key_retired', first, START + 1000), event('key_created', after, START + 1000)])
})

t.test('when the next key is retired, another is made to follow, and the one that signs goes on', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const [first, next] = [kidOf(process.issue()), await nextKid(process)]
  const { retired, signing } = await retireKey(process, next)
  t.match(retired, [{ kid: next, state: 'retired' }])
  t.match(ofAccess(signing), { kid: first })
  t.notOk([first, next, undefined].includes(await nextKid(process)))
})

t.test('two keys are retired in a row: each time the next one takes over', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  for (let i = 0; i < 2; i++) {
    const next = await nextKid(process)
    const { signing } = await retireKey(process, kidOf(process.issue()))
    t.match(ofAccess(signing), { kid: next })
    await process.tick()
    t.equal(kidOf(process.issue()), next)
  }
})

t.test('a key of refresh tokens that is retired is followed at once by a new one, and keys of access tokens stay', async (t) => {
  const site = await openSite(t)
  const [one, two] = [await site.start(), await site.start()]
  const [access, refresh, next] = [one.issue(), one.issue('refresh'), await nextKid(one)]
  const { retired, signing } = await retireKey(one, kidOf(refresh))
  t.match(retired, [{ kid: kidOf(refresh), use: 'refresh', state: 'retired' }])
  for (const process of [one, two]) {
    await process.tick()
    t.notOk(await process.accepts(refresh))
    t.ok(await process.accepts(access))
    t.ok(await process.accepts(process.issue('refresh')))
    t.equal(kidOf(process.issue('refresh')), signing.find(({ use }) => use === 'refresh')?.kid)
  }
  t.equal(await nextKid(one), next)
})

t.test('retire keeps the row of a key, without its private part', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const kids = [process.issue(), process.issue('refresh')].map(kidOf)
  for (const kid of kids) await retireKey(process, kid)
  site.now += 1000 * DAY
  await process.tick()
  const rows = await process.db.read.selectFrom('signing_keys').selectAll().where('kid', 'in', kids).execute()
  const gone = { private_key: null, retired_at: START }
  t.match(rows, [gone, gone])
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
  t.match(ofAccess(signing), { kid: first })
  await process.tick()
  t.equal(kidOf(process.issue()), first)
})

t.test('when the newest key is retired, one that is no longer published does not sign again: the next one takes over', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const first = kidOf(process.issue())
  const { kid, signsFrom } = await rotateKeys(process)
  site.now = signsFrom
  for (let i = 0; i < 2; i++) await process.tick()
  const next = await nextKid(process)
  site.now += 2 * DAY
  const { signing } = await retireKey(process, kid)
  t.match(ofAccess(signing), { kid: next, state: 'signing' })
  t.notOk([first, kid].includes(next))
})

t.test('when the signing key is retired, one that is published but pending signs at once', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const first = kidOf(process.issue())
  const { kid } = await rotateKeys(process)
  const { signing } = await retireKey(process, first)
  t.match(ofAccess(signing), { kid })
  await process.tick()
  t.equal(kidOf(process.issue()), kid)
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
  t.match(again.retired, [{ kid: first, retiredAt: START }])
  t.match(ofAccess(again.signing), { kid: ofAccess(signing)?.kid })
  t.same(await events(process), before)
})

t.test('retire of an unknown kid fails, and records nothing', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const before = await events(process)
  await t.rejects(retireKey(process, 'nonsense'), new KeyCommandError('there is no key nonsense'))
  t.same(await events(process), before)
})

t.test('a JWT_SECRET that only verifies can be retired, and is then refused as the signing key', async (t) => {
  const site = await openSite(t)
  const token = (await site.start(HS256)).issue()
  const process = await site.start({ JWT_SECRET: SECRET })
  t.ok(await process.accepts(token))
  const { signing } = await retireKey(process, kidOf(token))
  t.match(ofAccess(signing), { algorithm: 'ES256' })
  await process.tick()
  t.notOk(await process.accepts(token))
  await t.rejects(site.start(HS256), {
    message: 'JWT_SECRET is a key that has been retired: set another one for JWT_ALGORITHM=HS256',
  })
})

t.test('when SECRETS_KEY is lost, the service starts again once all keys are retired', async (t) => {
  const site = await openSite(t)
  const lost = await site.start({ SECRETS_KEY: Buffer.alloc(32, 1).toString('base64') })
  await rotateKeys(lost)
  const found = { SECRETS_KEY: Buffer.alloc(32, 2).toString('base64') }
  const context = await site.context(found)
  await retireAllKeys(context)
  const process = await site.start(found)
  t.ok(await process.accepts(process.issue()))
})

t.test('a process whose last key is retired by a command with another JWT_ALGORITHM makes a new key of its own algorithm', async (t) => {
  const site = await openSite(t)
  const process = await site.start({ JWT_ALGORITHM: 'EdDSA' })
  site.now += 1000
  await retireKey(await site.context(), await nextKid(process))
  const { signing } = await retireKey(await site.context(), kidOf(process.issue()))
  t.match(ofAccess(signing), { algorithm: 'ES256', createdAt: site.now }, 'a new key, for the settings of the command')
  await process.ring.look()
  t.throws(() => process.issue(), { code: 'overloaded', status: 503 })
  await process.tick()
  t.equal(headerOf(process.issue()).alg, 'EdDSA')
})
