// Not on PostgreSQL: it uses no database.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { counted, repeat, spaced } from '../../domain/repetition.ts'

/** Work that runs until a test ends it. */
function controlled() {
  const running: (() => void)[] = []
  const work = () => new Promise<number>((resolve) => running.push(() => resolve(running.length)))
  return { work, running }
}

const turns = async () => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
}

t.test('spaced: callers before a run begins share it; callers while it runs get the next one', async (t) => {
  const { work, running } = controlled()
  const ask = spaced(work, 1)
  const [one, two] = [ask(), ask()]
  await turns()
  t.equal(running.length, 1)
  const [three, four] = [ask(), ask()]
  await sleep(50)
  t.equal(running.length, 2, 'a run that began before the call may have missed what the caller needs')
  for (const end of running) end()
  t.same(await Promise.all([one, two, three, four]), [2, 2, 2, 2])
})

t.test('spaced: however many call, the work is done at most once an interval', async (t) => {
  let count = 0
  const ask = spaced(async () => ++count, 100)
  const began = performance.now()
  const asked: Promise<number>[] = []
  while (performance.now() - began < 450) {
    for (let i = 0; i < 50; i++) asked.push(ask())
    await sleep(1)
  }
  await Promise.all(asked)
  t.ok(asked.length > 100, `${asked.length} asked`)
  t.ok(count <= 2 + (performance.now() - began) / 100, `done ${count} times`)
  t.equal(await asked.at(-1), count)
})

t.test('spaced: a failure rejects for all who share the run, and the next call starts a new one', async (t) => {
  let count = 0
  const ask = spaced(async () => {
    if (++count === 1) throw new Error('at first')
    return count
  }, 1)
  const results = await Promise.allSettled([ask(), ask()])
  t.same(
    results.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  t.equal(await ask(), 2)
})

t.test('repeat: goes on after failures, and reports the first of several in a row', async (t) => {
  const reported: unknown[] = []
  let count = 0
  const work = async () => {
    count++
    if (count !== 3) throw new Error(`failure ${count}`)
  }
  const end = repeat(work, 1, (error) => reported.push((error as Error).message))
  while (count < 6) await sleep(1)
  await end()
  t.same(reported, ['failure 1', 'failure 4'])
})

t.test('repeat: stopping waits for the run under way, and no other begins', async (t) => {
  const { work, running } = controlled()
  const end = repeat(
    async () => void (await work()),
    1,
    () => {},
  )
  while (running.length === 0) await sleep(1)
  let isOver = false
  const over = end().then(() => {
    isOver = true
  })
  await turns()
  t.notOk(isOver)
  running[0]?.()
  await over
  await sleep(20)
  t.equal(running.length, 1)
})

t.test('counted: tells of the first time at once, and then once an interval of how often it has happened since', async (t) => {
  let now = 5
  const told: unknown[] = []
  const happens = counted(
    100,
    () => now,
    (count, last: string) => told.push([now, count, last]),
  )
  const at = (time: number, name: string) => {
    now = time
    happens(name)
  }
  at(5, 'a')
  for (const time of [6, 50, 104]) at(time, 'b')
  t.same(told, [[5, 1, 'a']])
  at(105, 'c')
  at(106, 'd')
  at(9000, 'e')
  t.same(told.slice(1), [
    [105, 4, 'c'],
    [9000, 2, 'e'],
  ])
})
