import t from 'tap'
import { KeyCommandError, listKeys, retireKey, rotateKeys } from '../../../domain/keys/commands.ts'
import { START } from '../../helper.ts'
import { DAY, event, events, HS256, kidOf, nextKid, openSite, type Process } from './keys.ts'

const kids = (process: Process) => process.ring.publicJwks.map(({ kid }) => kid)

t.test('rotate lets the next key take over once it has been published long enough, and says when', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const [first, next, before] = [kidOf(process.issue()), await nextKid(process), await events(process)]
  site.now += 1000
  t.same(await rotateKeys(process), {
    kid: next,
    use: 'access',
    algorithm: 'ES256',
    state: 'pending',
    createdAt: START,
    signsFrom: START + 302_000,
    verifiesUntil: START + 302_000 + 30_000 + 300_000,
    retiredAt: null,
  })
  await process.tick()
  site.now = START + 302_000 - 1
  t.equal(kidOf(process.issue()), first)
  site.now++
  t.equal(kidOf(process.issue()), next)
  await process.tick()
  t.same((await events(process)).slice(before.length), [event('key_created', await nextKid(process), site.now)], 'another follows it')
})

t.test('rotate lets a next key that has been published long enough take over at once', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const next = await nextKid(process)
  site.now += 302_000
  t.match(await rotateKeys(process), { kid: next, state: 'signing', signsFrom: site.now })
  await process.tick()
  t.equal(kidOf(process.issue()), next)
  t.not(await nextKid(process), next)
})

t.test('rotate twice in a row makes the second key wait its own time', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const next = await nextKid(process)
  site.now += 1000
  t.match(await rotateKeys(process), { kid: next, signsFrom: START + 302_000 })
  site.now += 1000
  const second = await rotateKeys(process)
  t.match(second, { state: 'pending', createdAt: site.now, signsFrom: site.now + 302_000 })
  t.not(second.kid, next)
})

t.test('rotate moves the next scheduled rotation to a whole interval after the key has begun to sign', async (t) => {
  const site = await openSite(t)
  const process = await site.start({ KEY_ROTATION_INTERVAL: '3600' })
  site.now += 3_599_000
  const { kid } = await rotateKeys(process)
  site.now += 3_599_999
  for (let i = 0; i < 2; i++) await process.tick()
  t.equal(kidOf(process.issue()), kid)
  site.now++
  await process.tick()
  t.not(kidOf(process.issue()), kid)
})

t.test('rotate of refresh tokens makes a key that signs a second later, when every process has it', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const [access, first, waiting] = [kidOf(process.issue()), kidOf(process.issue('refresh')), await nextKid(process)]
  const made = await rotateKeys(process, 'refresh')
  t.match(made, { use: 'refresh', algorithm: 'HS256', state: 'pending', signsFrom: START + 1000 })
  await process.tick()
  t.equal(kidOf(process.issue('refresh')), first)
  site.now += 1000
  t.equal(kidOf(process.issue('refresh')), made.kid)
  t.same([kidOf(process.issue()), await nextKid(process)], [access, waiting], 'those of access tokens stay')
})

t.test('list shows every key with its state, newest first', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const states = async () => (await listKeys(process)).map(({ kid, state }) => [kid, state])
  const first = kidOf(process.issue())
  site.now += 1
  const { kid: second, signsFrom } = await rotateKeys(process)
  const eddsa = await site.start({ JWT_ALGORITHM: 'EdDSA' })
  const [other, otherNext] = [kidOf(eddsa.issue()), kids(eddsa).find((kid) => ![first, second, kidOf(eddsa.issue())].includes(kid))]
  const secret = kidOf((await site.start(HS256)).issue())
  const refresh = kidOf(process.issue('refresh'))
  const same = (rows: string[][]) => rows.map(([kid, state]) => `${kid} ${state}`).sort()
  t.same(
    same(await states()),
    same([
      [second, 'pending'],
      [other, 'verifying'],
      [otherNext as string, 'verifying'],
      [secret, 'ended'],
      [first, 'signing'],
      [refresh, 'signing'],
    ]),
  )
  site.now = signsFrom
  t.match(
    new Map((await states()) as [string, string][]),
    new Map([
      [second, 'signing'],
      [first, 'verifying'],
    ]),
  )
  await retireKey(process, first)
  t.equal(new Map((await states()) as [string, string][]).get(first), 'retired')
  site.now += 2 * DAY
  t.equal(new Map((await states()) as [string, string][]).get(other), 'ended')
})

t.test('JWT_SECRET is neither rotated nor, while it signs, retired by a command: it is changed as a setting', async (t) => {
  const site = await openSite(t)
  const process = await site.start(HS256)
  const kid = kidOf(process.issue())
  await rotateKeys(process, 'refresh')
  await t.rejects(rotateKeys(process), new KeyCommandError('the key of HS256 is JWT_SECRET: set another one there'))
  await t.rejects(retireKey(process, kid), new KeyCommandError(`${kid} is JWT_SECRET, which signs: set another one there instead`))
})
