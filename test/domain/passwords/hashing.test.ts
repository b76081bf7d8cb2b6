import t from 'tap'
import { loadConfig } from '../../../config.ts'
import type { Problem } from '../../../domain/errors.ts'
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
  return { pace, hashing, fill: () => Array.from({ length: 4 }, () => hashing.hash(PASSWORD)) }
}

async function refusalOf(hashing: Hashing): Promise<Problem> {
  return hashing.hash(PASSWORD).then(
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
  t.equal(await hashing.matches(await hashing.hash(PASSWORD), PASSWORD), true, 'afterwards the queue has room again')
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
    await hashing.hash(PASSWORD)
  }
  const first = fill()
  t.equal((await refusalOf(hashing)).headers['retry-after'], '2', 'four hashes of 0.5 s each')
  await Promise.all(first)

  for (let i = 0; i < 32; i++) await hashing.hash(PASSWORD)
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
    await hashing.hash(PASSWORD)
    const waiting = fill()
    t.equal((await refusalOf(hashing)).headers['retry-after'], seconds)
    await Promise.all(waiting)
  })
}
