import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { listSigningKeys } from '../../../db/signing-keys.ts'
import { rotateKeys } from '../../../domain/keys/commands.ts'
import { openKeyRing } from '../../../domain/keys/ring.ts'
import { headerOf, START } from '../../helper.ts'
import { openSite, type Process } from './keys.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const MONTH = 30 * DAY
const SECRET = 'a secret of at least thirty-two bytes'

const kids = (process: Process) => process.ring.publicJwks.map(({ kid }) => kid)
const kidOf = (token: string) => headerOf(token).kid as string

t.test('of several processes that start together one makes the first key, which signs at once', async (t) => {
  const site = await openSite(t)
  const processes = await Promise.all(Array.from({ length: 5 }, () => site.start()))
  const tokens = processes.map((process) => process.issue())
  t.equal(new Set(tokens.map(kidOf)).size, 1)
  for (const process of processes) for (const token of tokens) t.ok(await process.accepts(token))
  const rows = await listSigningKeys(processes[0]?.db.read as never)
  t.match(rows, [{ created_at: START, signs_from: START, used_at: START, token_ttl: 86_400, retired_at: null }])
  t.equal(rows.length, 1)
})

t.test('of several processes exactly one makes the new key of each interval', async (t) => {
  const site = await openSite(t)
  const processes = await Promise.all(Array.from({ length: 4 }, () => site.start({ KEY_ROTATION_INTERVAL: '3600' })))
  for (let interval = 1; interval <= 3; interval++) {
    site.now = START + interval * HOUR - 1
    await Promise.all(processes.map((process) => process.tick()))
    t.equal((await listSigningKeys(processes[0]?.db.read as never)).length, interval)
    site.now++
    await Promise.all(processes.map((process) => process.tick()))
    await Promise.all(processes.map((process) => process.tick()))
    t.equal((await listSigningKeys(processes[0]?.db.read as never)).length, interval + 1)
  }
  const events = await processes[0]?.db.read.selectFrom('auth_events').select(['kind', 'at']).orderBy('at').execute()
  t.same(
    events,
    [0, 1, 2, 3].map((interval) => ({ kind: 'key_created', at: START + interval * HOUR })),
  )
})

t.test('a new key is published at once, and signs from its signs_from on in every process', async (t) => {
  const site = await openSite(t)
  const [one, two] = [await site.start(), await site.start()]
  const old = one.issue()
  site.now += MONTH
  await one.tick()
  await two.tick()
  const [next] = kids(one)
  for (const process of [one, two]) t.same(kids(process), [next, kidOf(old)], 'newest first')
  site.now += 302_000 - 1
  for (const process of [one, two]) t.equal(kidOf(process.issue()), kidOf(old))
  site.now++
  for (const process of [one, two]) t.equal(kidOf(process.issue()), next)
})

t.test('an old key verifies and is published until its last token has expired; then its private part and its row go', async (t) => {
  const site = await openSite(t)
  const process = await site.start({ ACCESS_TOKEN_TTL: '86400' })
  const old = kidOf(process.issue())
  site.now += MONTH
  await process.tick()
  site.now += 302_000 - 1
  const last = process.issue()
  site.now++
  await process.tick()
  t.not(kidOf(process.issue()), old)
  site.now += DAY - 1001
  await process.tick()
  t.ok(await process.accepts(last))
  t.ok(kids(process).includes(old))

  site.now += 600_000
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
  t.same(kids(mine).includes(kid), false)
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
  const ring = await openKeyRing(context, () => {})
  t.teardown(() => ring.close())
  const { kid } = await rotateKeys(context)
  for (let waited = 0; ring.find(kid) === undefined && waited < 500; waited++) await sleep(10)
  t.ok(ring.find(kid))
})
