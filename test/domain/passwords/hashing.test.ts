import t from 'tap'
import { loadConfig } from '../../../config.ts'
import type { Problem } from '../../../domain/errors.ts'
import { Hashing } from '../../../domain/passwords/hashing.ts'
import { PASSWORD } from '../../helper.ts'

const config = loadConfig({ ARGON2_MEMORY_KIB: '1024', ARGON2_ITERATIONS: '1', HASHING_CONCURRENCY: '1', HASHING_QUEUE: '3' })

/** One at a time, and three may wait. By its clock, each takes as long as the test says. */
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

t.test('what comes when the queue is full is refused at once, and what waits is not', async (t) => {
  const { hashing, fill } = smallQueue()
  const waiting = fill()
  const first = await Promise.race([refusalOf(hashing), ...waiting])
  t.match(first, { code: 'overloaded', status: 503, message: 'Too many passwords are being checked. Try again later.' })
  t.match(await refusalOf(hashing), { code: 'overloaded' })
  for (const hash of await Promise.all(waiting)) t.match(hash, /^\$argon2id\$/)
  t.equal(await hashing.matches(await hashing.hash(PASSWORD), PASSWORD), true, 'and later there is room again')
})

t.test('who is refused is told to come again when all that wait will have had their turn', async (t) => {
  const { pace, hashing, fill } = smallQueue()
  pace.hashMs = 1500
  const first = fill()
  t.equal((await refusalOf(hashing)).headers['retry-after'], '1', 'nobody knows yet how long one takes')
  await Promise.all(first)
  const second = fill()
  t.equal((await refusalOf(hashing)).headers['retry-after'], '6', 'four, of a second and a half each')
  await Promise.all(second)
})

t.test('hashes that are measured long among others do not count', async (t) => {
  const { pace, hashing, fill } = smallQueue()
  for (const hashMs of [500, 10_000, 500, 10_000]) {
    pace.hashMs = hashMs
    await hashing.hash(PASSWORD)
  }
  const first = fill()
  t.equal((await refusalOf(hashing)).headers['retry-after'], '2', 'four, of half a second each')
  await Promise.all(first)

  for (let i = 0; i < 32; i++) await hashing.hash(PASSWORD)
  const second = fill()
  t.equal((await refusalOf(hashing)).headers['retry-after'], '40', 'but when they are the rule they do')
  await Promise.all(second)
})

for (const [hashMs, seconds] of [
  [3_600_000, '60'],
  [-3_600_000, '1'],
] as const) {
  t.test(`nobody is sent away for longer than a minute, nor for none, by a clock that jumps ${hashMs} ms`, async (t) => {
    const { pace, hashing, fill } = smallQueue()
    pace.hashMs = hashMs
    await hashing.hash(PASSWORD)
    const waiting = fill()
    t.equal((await refusalOf(hashing)).headers['retry-after'], seconds)
    await Promise.all(waiting)
  })
}
