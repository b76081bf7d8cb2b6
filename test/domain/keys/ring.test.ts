import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { listSigningKeys } from '../../../db/signing-keys.ts'
import { rotateKeys } from '../../../domain/keys/commands.ts'
import { openKeyRing } from '../../../domain/keys/ring.ts'
import { NOT_YET } from '../../../domain/keys/schedule.ts'
import { headerOf, START } from '../../helper.ts'
import { nextKid, openSite, type Process } from './keys.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const MONTH = 30 * DAY
const SECRET = 'a secret of at least thirty-two bytes'

const kids = (process: Process) => process.ring.publicJwks.map(({ kid }) => kid)
const kidOf = (token: string) => headerOf(token).kid as string

t.test(
  'of several processes that start together one makes the keys: one that signs at once, the next, and one of refresh tokens',
  async (t) => {
    const site = await openSite(t)
    const processes = await Promise.all(Array.from({ length: 5 }, () => site.start()))
    const tokens = processes.flatMap((process) => [process.issue(), process.issue('refresh')])
    t.equal(new Set(tokens.map(kidOf)).size, 2)
    for (const process of processes) for (const token of tokens) t.ok(await process.accepts(token))
    const rows = await listSigningKeys(processes[0]?.db.read as never)
    const made = { created_at: START, used_at: START, retired_at: null, refresh_until: null }
    const bySigning = rows.toSorted((a, b) => a.use.localeCompare(b.use) || a.signs_from - b.signs_from)
    t.match(bySigning, [
      { ...made, use: 'access', algorithm: 'ES256', signs_from: START, token_ttl: 300 },
      { ...made, use: 'access', algorithm: 'ES256', signs_from: NOT_YET, token_ttl: 300 },
      { ...made, use: 'refresh', algorithm: 'HS256', signs_from: START, token_ttl: 86_400 },
    ])
    t.equal(rows.length, 3)
  },
)

t.test('of several processes exactly one makes the new keys of each interval', async (t) => {
  const site = await openSite(t)
  const processes = await Promise.all(Array.from({ length: 4 }, () => site.start({ KEY_ROTATION_INTERVAL: '3600' })))
  const [first] = processes as [Process]
  for (let interval = 1; interval <= 3; interval++) {
    const [signing, next] = [kidOf(first.issue()), await nextKid(first)]
    site.now = START + interval * HOUR - 1
    for (let i = 0; i < 2; i++) await Promise.all(processes.map((process) => process.tick()))
    t.equal(kidOf(first.issue()), signing)
    site.now++
    for (let i = 0; i < 3; i++) await Promise.all(processes.map((process) => process.tick()))
    for (const process of processes) t.equal(kidOf(process.issue()), next)
  }
  const events = await first.db.read.selectFrom('auth_events').select(['kind', 'at']).where('at', '>', START).orderBy('at').execute()
  const made = (interval: number) => ({ kind: 'key_created', at: START + interval * HOUR })
  t.same(
    events,
    [1, 2, 3].flatMap((interval) => [made(interval), made(interval)]),
    'one of each use',
  )
})

t.test('the next key is published all the time, and signs in every process once the one before has done so for the interval', async (t) => {
  const site = await openSite(t)
  const [one, two] = [await site.start(), await site.start()]
  const old = one.issue()
  const next = await nextKid(one)
  for (const process of [one, two]) t.same(new Set(kids(process)), new Set([next, kidOf(old)]))
  site.now += MONTH - 1
  for (const process of [one, two]) await process.tick()
  for (const process of [one, two]) t.equal(kidOf(process.issue()), kidOf(old))
  site.now++
  for (const process of [one, two, one, two]) await process.tick()
  for (const process of [one, two]) t.equal(kidOf(process.issue()), next)
  t.equal(kids(one).length, 3, 'another is published')
})

t.test('an old key verifies and is published until its last token has expired; then its private part and its row go', async (t) => {
  const site = await openSite(t)
  const process = await site.start({ ACCESS_TOKEN_TTL: '86400' })
  const old = kidOf(process.issue())
  site.now += MONTH
  const last = process.issue()
  t.equal(kidOf(last), old)
  await process.tick()
  t.not(kidOf(process.issue()), old)
  site.now += DAY - 1000
  await process.tick()
  t.ok(await process.accepts(last))
  t.ok(kids(process).includes(old))

  site.now += 601_000
  await process.tick()
  t.notOk(kids(process).includes(old), 'ten minutes later at most')
  const row = async () => (await listSigningKeys(process.db.read)).find(({ kid }) => kid === old)
  t.match(await row(), { private_key: null })
  site.now += DAY
  await process.tick()
  t.equal(await row(), undefined)
})

for (const [from, to] of [
  ['ES256', 'EdDSA'],
  ['EdDSA', 'RS256'],
  ['HS256', 'ES256'],
  ['RS256', 'HS256'],
] as const) {
  t.test(`from ${from} to ${to} and back: tokens of either key are accepted by all processes`, async (t) => {
    const site = await openSite(t)
    const env = (JWT_ALGORITHM: string) => ({ JWT_ALGORITHM, JWT_SECRET: SECRET })
    const before = await site.start(env(from))
    const first = before.issue()
    const after = await site.start(env(to))
    const second = after.issue()
    t.equal(headerOf(second).alg, to, 'the new one signs at once')
    for (const process of [before, after]) for (const token of [first, second]) t.ok(await process.accepts(token))
    const asymmetric = [to, from].filter((algorithm) => algorithm !== 'HS256')
    t.same(new Set(after.ring.publicJwks.map(({ alg }) => alg)), new Set(asymmetric))
    t.same(after.ring.algorithms, [to, from])
    const back = await site.start(env(from))
    t.equal(kidOf(back.issue()), kidOf(first), 'the old key signs again')
    for (const token of [first, second]) t.ok(await back.accepts(token))
  })
}

t.test('a key is kept while some process signs with its algorithm, and ends when none does', async (t) => {
  const site = await openSite(t)
  const [old, mine] = [await site.start(), await site.start({ JWT_ALGORITHM: 'EdDSA' })]
  const kid = kidOf(old.issue())
  for (let day = 1; day <= 5; day++) {
    site.now += DAY
    await old.tick()
    await mine.tick()
  }
  t.ok(await mine.accepts(old.issue()))
  site.now += DAY + 600_000
  await mine.tick()
  t.notOk(kids(mine).includes(kid))
})

t.test('when JWT_SECRET is changed, tokens signed with the old secret are refused', async (t) => {
  const site = await openSite(t)
  const env = { JWT_ALGORITHM: 'HS256', JWT_SECRET: SECRET }
  const old = await site.start(env)
  const token = old.issue()
  const other = await site.start({ ...env, JWT_SECRET: 'another secret of at least 32 bytes' })
  t.notOk(await other.accepts(token))
  t.notOk(await old.accepts(other.issue()))
  t.same(other.ring.publicJwks, [])
})

t.test('a running key ring loads new keys by itself', async (t) => {
  const site = await openSite(t)
  const context = await site.context()
  const ring = await openKeyRing(context, { onError: () => {} })
  t.teardown(() => ring.close())
  const { kid } = await rotateKeys(context)
  for (let waited = 0; ring.find(kid) === undefined && waited < 500; waited++) await sleep(10)
  t.ok(ring.find(kid))
})
