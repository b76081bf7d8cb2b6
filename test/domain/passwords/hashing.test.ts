// Not on PostgreSQL: it uses no database.
import t from 'tap'
import { loadConfig } from '../../../config.ts'
import type { Problem } from '../../../domain/errors.ts'
import { noOrigin } from '../../../domain/events/record.ts'
import { Hashing } from '../../../domain/passwords/hashing.ts'
import { PASSWORD } from '../../helper.ts'

const config = loadConfig({ ARGON2_MEMORY_KIB: '1024', ARGON2_ITERATIONS: '1', HASHING_CONCURRENCY: '1', HASHING_QUEUE: '3' })

/** A queue that hashes one password at a time and lets three wait. On its clock each hash takes `pace.hashMs`. */
function smallQueue() {
  let now = 0
  const pace = { hashMs: 0 }
  const clock = () => {
    now += pace.hashMs
    return now
  }
  const hashing = new Hashing({ config, clock })
  return { pace, hashing, fill: () => Array.from({ length: 4 }, () => hashing.hash(noOrigin, PASSWORD)) }
}

async function refusalOf(hashing: Hashing): Promise<Problem> {
  return hashing.hash(noOrigin, PASSWORD).then(
    () => Promise.reject(new Error('it was not refused')),
    (problem) => problem,
  )
}

t.test('a hash that is asked for when the queue is full is refused at once, and those that wait are made', async (t) => {
  const { hashing, fill } = smallQueue()
  const waiting = fill()
  const first = await Promise.race([refusalOf(hashing), ...waiting])
  t.match(first, { code: 'overloaded', status: 503, message: 'Too many passwords are being checked. Try again later.' })
  t.match(await refusalOf(hashing), { code: 'overloaded' })
  for (const hash of await Promise.all(waiting)) t.match(hash, /^\$argon2id\$/)
  t.equal(await hashing.matches(noOrigin, await hashing.hash(noOrigin, PASSWORD), PASSWORD), true, 'afterwards the queue has room again')
})

t.test('the Retry-After of a refusal is the time until all that wait will have been hashed', async (t) => {
  const { pace, hashing, fill } = smallQueue()
  pace.hashMs = 1500
  const first = fill()
  t.equal((await refusalOf(hashing)).headers['retry-after'], '1', 'no hash has been measured yet')
  await Promise.all(first)
  const second = fill()
  t.equal((await refusalOf(hashing)).headers['retry-after'], '6', 'four hashes of 1.5 s each')
  await Promise.all(second)
})

t.test('a few slow hashes among others do not make Retry-After longer', async (t) => {
  const { pace, hashing, fill } = smallQueue()
  for (const hashMs of [500, 10_000, 500, 10_000]) {
    pace.hashMs = hashMs
    await hashing.hash(noOrigin, PASSWORD)
  }
  const first = fill()
  t.equal((await refusalOf(hashing)).headers['retry-after'], '2', 'four hashes of 0.5 s each')
  await Promise.all(first)

  for (let i = 0; i < 32; i++) await hashing.hash(noOrigin, PASSWORD)
  const second = fill()
  t.equal((await refusalOf(hashing)).headers['retry-after'], '40', 'four hashes of 10 s each, once most are that slow')
  await Promise.all(second)
})

for (const [hashMs, seconds] of [
  [3_600_000, '60'],
  [-3_600_000, '1'],
] as const) {
  t.test(`Retry-After is from 1 to 60 seconds, even when the clock jumps by ${hashMs} ms`, async (t) => {
    const { pace, hashing, fill } = smallQueue()
    pace.hashMs = hashMs
    await hashing.hash(noOrigin, PASSWORD)
    const waiting = fill()
    t.equal((await refusalOf(hashing)).headers['retry-after'], seconds)
    await Promise.all(waiting)
  })
}

/** Asks for hashes in the name of an address. */
function asking(hashing: Hashing, address: string, count: number): Promise<string>[] {
  return Array.from({ length: count }, () => hashing.hash({ ...noOrigin, address }, PASSWORD))
}

t.test('when the queue is full, a hash for another network displaces the newest that waits for the largest one', async (t) => {
  const { hashing } = smallQueue()
  const many = asking(hashing, '192.0.2.1', 4)
  const [newcomer] = asking(hashing, '192.0.2.2', 1)
  await t.rejects(many.pop() as Promise<string>, { code: 'overloaded', message: 'Too many passwords are being checked. Try again later.' })
  t.match(await newcomer, /^\$argon2id\$/)
  for (const hash of await Promise.all(many)) t.match(hash, /^\$argon2id\$/)
  t.strictSame(hashing.stats, { active: 0, waiting: 0, refused: 1 })
})

t.test('comparisons wait in the same queue, and the addresses of one /64 are one network', async (t) => {
  const { hashing } = smallQueue()
  const own = [1, 2, 3, 4].map((i) => hashing.matches({ ...noOrigin, address: `2001:db8::${i}` }, 'no hash', PASSWORD))
  const fifth = hashing.matches({ ...noOrigin, address: '2001:db8::5' }, 'no hash', PASSWORD)
  await t.rejects(fifth, { code: 'overloaded' })
  const other = hashing.matches({ ...noOrigin, address: '2001:db8:1::1' }, 'no hash', PASSWORD)
  await t.rejects(own.pop() as Promise<boolean>, { code: 'overloaded', status: 503, headers: { 'retry-after': '1' } })
  t.strictSame(await Promise.all([...own, other]), [false, false, false, false])
})

t.test('no more hashes are computed at once than HASHING_MEMORY_MIB holds, those of other systems among them', async (t) => {
  let begun = 0
  const clock = () => ++begun
  const small = loadConfig({ ARGON2_MEMORY_KIB: '1024', ARGON2_ITERATIONS: '1', HASHING_CONCURRENCY: '8', HASHING_MEMORY_MIB: '3' })
  const hashing = new Hashing({ config: small, clock })
  const foreign = `argon2${hashing.decoy.replace('m=1024', 'm=2048')}`
  const asked = [
    hashing.matches(noOrigin, foreign, PASSWORD),
    hashing.hash(noOrigin, PASSWORD),
    hashing.hash(noOrigin, PASSWORD),
    hashing.matches(noOrigin, hashing.decoy, PASSWORD),
  ]
  await null
  t.equal(begun, 2, 'the clock was asked when each began')
  await Promise.all(asked)
  t.equal(begun, 8)
})

t.test('one hash of the settings is computed however little HASHING_MEMORY_MIB holds', async (t) => {
  const small = loadConfig({ ARGON2_MEMORY_KIB: '2048', ARGON2_ITERATIONS: '1', HASHING_MEMORY_MIB: '1' })
  const hashing = new Hashing({ config: small, clock: () => 0 })
  const hash = await hashing.hash(noOrigin, PASSWORD)
  t.equal(await hashing.matches(noOrigin, hash, PASSWORD), true)
})

t.test('while HASHING_MEMORY_MIB is unset it is 128, or what HASHING_CONCURRENCY hashes need', async (t) => {
  const memory = (env: Record<string, string>) => loadConfig(env).hashingMemoryMib
  t.equal(memory({ HASHING_CONCURRENCY: '4' }), 128)
  t.equal(memory({ HASHING_CONCURRENCY: '8', ARGON2_MEMORY_KIB: '20480' }), 160)
  t.equal(memory({ HASHING_CONCURRENCY: '8', HASHING_MEMORY_MIB: '40' }), 40)
})
