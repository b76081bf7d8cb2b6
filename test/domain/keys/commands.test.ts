import t from 'tap'
import { KeyCommandError, listKeys, retireKey, rotateKeys } from '../../../domain/keys/commands.ts'
import { START } from '../../helper.ts'
import { DAY, event, events, HS256, kidOf, openSite } from './keys.ts'

t.test('rotate makes a key now, says when it begins to sign, and records it', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const first = kidOf(process.issue())
  site.now += 1000
  const made = await rotateKeys(process)
  t.same(made, {
    kid: made.kid,
    algorithm: 'ES256',
    state: 'pending',
    createdAt: START + 1000,
    signsFrom: START + 303_000,
    verifiesUntil: START + 303_000 + 600_000 + DAY,
    retiredAt: null,
  })
  t.same(await events(process), [event('key_created', first, START), event('key_created', made.kid, START + 1000)])
  await process.tick()
  site.now = made.signsFrom
  t.equal(kidOf(process.issue()), made.kid)
})

t.test('rotate moves the next scheduled rotation to a whole interval later', async (t) => {
  const site = await openSite(t)
  const process = await site.start({ KEY_ROTATION_INTERVAL: '3600' })
  site.now += 3_599_999
  await rotateKeys(process)
  site.now += 3_599_999
  await process.tick()
  t.equal((await listKeys(process)).length, 2)
  site.now++
  await process.tick()
  t.equal((await listKeys(process)).length, 3)
})

t.test('list shows every key with its state, newest first', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const states = async () => (await listKeys(process)).map(({ kid, state }) => [kid, state])
  const first = kidOf(process.issue())
  site.now += 1
  const { kid: second, signsFrom } = await rotateKeys(process)
  const other = kidOf((await site.start({ JWT_ALGORITHM: 'EdDSA' })).issue())
  const secret = kidOf((await site.start(HS256)).issue())
  const same = (rows: string[][]) => rows.map(([kid, state]) => `${kid} ${state}`).sort()
  t.same(
    same(await states()),
    same([
      [second, 'pending'],
      [other, 'verifying'],
      [secret, 'ended'],
      [first, 'signing'],
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
  await t.rejects(rotateKeys(process), new KeyCommandError('the key of HS256 is JWT_SECRET: set another one there'))
  await t.rejects(retireKey(process, kid), new KeyCommandError(`${kid} is JWT_SECRET, which signs: set another one there instead`))
})
