// Not on PostgreSQL: it uses no database.
import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Database, Handle } from '../../../db/database.ts'
import { Outcomes } from '../../../domain/limits/outcomes.ts'

/** Outcomes of a database that is full until `open`. Both the timers and the time by which outcomes are kept go by `pass`. */
function full(t: Test) {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let now = 0
  t.intercept(performance, 'now', { value: () => now })
  let isFull = true
  const write: Database['write'] = async (job) => {
    if (isFull) throw new Error('SQLITE_FULL')
    return job({} as Handle)
  }
  const written: string[] = []
  const outcomes = new Outcomes({ write })
  return {
    outcomes,
    written,
    add: (name: string) => outcomes.write(async () => void written.push(name), 'line'),
    open: () => {
      isFull = false
    },
    pass: async (ms: number) => {
      await turn()
      now += ms
      mock.timers.tick(ms)
      await turn()
    },
  }
}

t.test('an outcome that could not be written is tried again each half second', async (t) => {
  const { add, open, pass, written, outcomes } = full(t)
  for (const name of ['first', 'second']) add(name)
  for (let i = 0; i < 10; i++) await pass(500)
  t.equal(outcomes.waiting, 2)
  open()
  await pass(500)
  t.same(written, ['first', 'second'])
  t.equal(outcomes.waiting, 0)
})

t.test('an outcome is tried again for a minute, and no longer: it counts as a failure then', async (t) => {
  const { add, open, pass, written, outcomes } = full(t)
  add('old')
  await pass(30_000)
  add('young')
  await pass(30_000)
  open()
  await outcomes.flush()
  t.same(written, ['young'])
})

t.test('at most ten thousand outcomes are kept in memory', async (t) => {
  const { add, open, outcomes, pass, written } = full(t)
  for (let i = 0; i < 10_002; i++) add(`${i}`)
  await pass(0)
  t.equal(outcomes.waiting, 10_000)
  open()
  await outcomes.flush()
  t.equal(written.at(-1), '9999')
})
