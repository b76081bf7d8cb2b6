// Not on PostgreSQL: it uses no database.
import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { type Shares, sharesOf } from '../../domain/address.ts'
import { FairQueue } from '../../domain/fair-queue.ts'
import { ModelQueue } from './model-queue.ts'

/** A queue of works that end when they are told to, and what became of each: named by its network and a number. */
function watched(bounds: { concurrency: number; capacity: number }) {
  const queue = new FairQueue(bounds)
  const running: { readonly name: string; readonly end: () => void }[] = []
  const started: string[] = []
  const refused: string[] = []
  const ask = (name: string, shares: Shares, signal?: AbortSignal) => {
    const work = () => {
      started.push(name)
      return new Promise<string>((resolve) => running.push({ name, end: () => resolve(name) }))
    }
    return queue.run(shares, work, () => void refused.push(name), signal)
  }
  /** Ends the work that has run longest. */
  const endOne = async () => {
    running.shift()?.end()
    await turn()
  }
  const endAll = async () => {
    while (running.length > 0) await endOne()
  }
  return { queue, running, started, refused, ask, endOne, endAll }
}

/** Asks for as many works as there are letters, each in the name of the network of that letter. */
function askAll({ ask }: ReturnType<typeof watched>, letters: string, networks: Record<string, string>): void {
  for (const [i, letter] of [...letters].entries()) void ask(`${letter}${i}`, sharesOf(networks[letter] as string))
}

const V4 = { a: '192.0.2.1', b: '192.0.2.2', c: '192.0.2.3' }
/** Two networks of one /48, and one of another. */
const V6 = { a: '2001:db8:1:1::1', b: '2001:db8:1:2::1', c: '2001:db8:2::1' }

t.test('works run in the order of coming, as many at once as there may be', async (t) => {
  const works = watched({ concurrency: 2, capacity: 3 })
  askAll(works, 'aaaaa', V4)
  t.strictSame(works.started, ['a0', 'a1'])
  t.match(works.queue, { active: 2, waiting: 3 })
  await works.endAll()
  t.strictSame(works.started, ['a0', 'a1', 'a2', 'a3', 'a4'])
  t.match(works.queue, { active: 0, waiting: 0 })
})

t.test('networks take turns, however many works of one wait', async (t) => {
  const works = watched({ concurrency: 1, capacity: 10 })
  askAll(works, 'aaaaabbc', V4)
  await works.endAll()
  t.strictSame(works.started, ['a0', 'a1', 'b5', 'c7', 'a2', 'b6', 'a3', 'a4'])
})

t.test('networks of one /48 share its turns', async (t) => {
  const works = watched({ concurrency: 1, capacity: 10 })
  askAll(works, 'aaabbccc', V6)
  await works.endAll()
  t.strictSame(works.started, ['a0', 'a1', 'c5', 'b3', 'c6', 'a2', 'c7', 'b4'])
})

t.test('one network may fill the queue; then it is refused', async (t) => {
  const works = watched({ concurrency: 1, capacity: 3 })
  askAll(works, 'aaaaaa', V4)
  t.strictSame(works.refused, ['a4', 'a5'])
  await works.endAll()
  t.strictSame(works.started, ['a0', 'a1', 'a2', 'a3'])
})

t.test('a newcomer of a network below its share displaces the newest of the largest, until both have the same', async (t) => {
  const works = watched({ concurrency: 1, capacity: 4 })
  askAll(works, 'aaaaabbb', V4)
  t.strictSame(works.refused, ['a4', 'a3', 'b7'])
  await works.endAll()
  t.strictSame(works.started, ['a0', 'a1', 'b5', 'a2', 'b6'])
})

t.test('when each network has one waiter, a newcomer of another one is refused', async (t) => {
  const works = watched({ concurrency: 1, capacity: 2 })
  askAll(works, 'aabcc', V4)
  t.strictSame(works.refused, ['c3', 'c4'])
})

t.test('in a /48, a /64 that has few displaces the newest of the largest /64, and the /48 has no more than before', async (t) => {
  const works = watched({ concurrency: 1, capacity: 4 })
  askAll(works, 'caaaab', V6)
  t.strictSame(works.refused, ['a4'])
  await works.endAll()
  t.strictSame(works.started, ['c0', 'a1', 'b5', 'a2', 'a3'])
})

t.test('a thousand /64 of one /48 have the share of one network', async (t) => {
  const works = watched({ concurrency: 1, capacity: 1000 })
  for (let i = 0; i <= 1000; i++) void works.ask(`many ${i}`, sharesOf(`2001:db8:1:${i.toString(16)}::1`))
  for (let i = 0; i < 500; i++) void works.ask(`one ${i}`, sharesOf('192.0.2.1'))
  t.equal(works.refused.length, 500)
  t.ok(works.refused.every((name) => name.startsWith('many')))
  await works.endAll()
  t.equal(works.started.indexOf('one 499'), 1000, 'they take turns to the end')
})

t.test('a work that fails or throws rejects its own promise, and the next one runs', async (t) => {
  const queue = new FairQueue({ concurrency: 1, capacity: 3 })
  const never = () => t.fail('refused')
  const run = (work: () => Promise<string>) => queue.run(sharesOf(null), work, never)
  const failing = run(() => Promise.reject(new Error('fails')))
  const throwing = run(() => {
    throw new Error('throws')
  })
  const good = run(async () => 'good')
  await t.rejects(failing, { message: 'fails' })
  await t.rejects(throwing, { message: 'throws' })
  t.equal(await good, 'good')
  t.match(queue, { active: 0, waiting: 0 })
})

t.test('what is refused, or displaced, gets what the caller says, or the error that it throws', async (t) => {
  const queue = new FairQueue({ concurrency: 1, capacity: 2 })
  const { promise, resolve } = Promise.withResolvers<string>()
  const run = (address: string, refused: () => unknown) => queue.run(sharesOf(address), () => promise, refused)
  const full = () => {
    throw new Error('full')
  }
  const first = [run(V4.a, full), run(V4.a, full)]
  const displaced = run(V4.a, full)
  const refused = run(V4.a, () => 'refused')
  const newcomer = run(V4.b, full)
  await t.rejects(displaced, { message: 'full' })
  t.equal(await refused, 'refused')
  resolve('done')
  t.strictSame(await Promise.all([...first, newcomer]), ['done', 'done', 'done'])
})

t.test('a signal gives up the place of a work that waits, and does not stop one that runs', async (t) => {
  const works = watched({ concurrency: 1, capacity: 2 })
  const leaving = new AbortController()
  const running = works.ask('running', sharesOf(V4.a), leaving.signal)
  const waiting = works.ask('waiting', sharesOf(V4.a), leaving.signal)
  leaving.abort()
  t.equal(await waiting, undefined)
  t.match(works.queue, { active: 1, waiting: 0 })
  await works.endAll()
  t.equal(await running, 'running')
  t.strictSame(works.refused, ['waiting'])
})

/** What can happen: a work of one of the networks comes, the one that has run longest ends, or one that waits leaves. */
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('come' as const), network: fc.nat({ max: 5 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('end' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), which: fc.nat() }) },
  ),
  { minLength: 20, maxLength: 60 },
)
const NETWORKS = ['192.0.2.1', '192.0.2.2', '2001:db8:1:1::', '2001:db8:1:2::', '2001:db8:1:3::', '2001:db8:2::'].map(sharesOf)

t.test('whatever comes, the queue does what its model does, and no work is lost or run twice', async () => {
  const bounds = fc.record({ concurrency: fc.integer({ min: 1, max: 3 }), capacity: fc.integer({ min: 1, max: 6 }) })
  const holds = fc.asyncProperty(bounds, steps, async (bounds, steps) => {
    const works = watched(bounds)
    const model = new ModelQueue(bounds)
    const signals = new Map<string, AbortController>()
    const outcomes: Promise<unknown>[] = []
    for (const [i, step] of steps.entries()) {
      if (step.kind === 'come') {
        const [name, shares, signal] = [`${i}`, NETWORKS[step.network] as Shares, new AbortController()]
        const before = works.refused.length
        outcomes.push(works.ask(name, shares, signal.signal))
        await turn()
        signals.set(name, signal)
        model.come(name, shares, works.refused[before])
      } else if (step.kind === 'end') {
        await works.endOne()
        model.end()
      } else {
        const name = model.waiting[step.which % model.waiting.length]?.name
        signals.get(name ?? '')?.abort()
        await turn()
        if (name !== undefined) model.leave(name)
      }
      const { started, refused, queue } = works
      assert.deepStrictEqual({ started, refused, active: queue.active, waiting: queue.waiting }, model.seen)
    }
    await works.endAll()
    await Promise.all(outcomes)
    assert.deepStrictEqual({ active: works.queue.active, waiting: works.queue.waiting }, { active: 0, waiting: 0 })
    assert.equal(works.started.length + works.refused.length, outcomes.length)
  })
  await fc.assert(holds, { numRuns: 200 })
})
