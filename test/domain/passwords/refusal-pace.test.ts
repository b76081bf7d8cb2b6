// Not on PostgreSQL: it uses no database.
import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { RefusalPace } from '../../../domain/passwords/refusal-pace.ts'

/** A pace whose second ends by `mock.timers.tick`. */
function mocked(t: Test): RefusalPace {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  return new RefusalPace()
}

/** Asks so many times at once. Returns a function that tells how many have been answered. */
function ask(pace: RefusalPace, network: string, times: number): () => Promise<number> {
  let answered = 0
  for (let i = 0; i < times; i++) void pace.wait(network).then(() => answered++)
  return async () => {
    await turn()
    return answered
  }
}

t.test('a hundred refusals of a network a second are answered at once, and further ones at the end of the second', async (t) => {
  const pace = mocked(t)
  const answered = ask(pace, '192.0.2.1', 150)
  t.equal(await answered(), 100)
  mock.timers.tick(999)
  t.equal(await answered(), 100)
  mock.timers.tick(1)
  t.equal(await answered(), 150)
  t.equal(await ask(pace, '192.0.2.1', 150)(), 100, 'the next second begins anew')
})

t.test('the refusals of one network hold up those of no other', async (t) => {
  const pace = mocked(t)
  await ask(pace, '192.0.2.1', 500)()
  t.equal(await ask(pace, '192.0.2.2', 100)(), 100)
})

t.test('at most a thousand refusals are held back; beyond that they are answered at once', async (t) => {
  const pace = mocked(t)
  const answered = ask(pace, '192.0.2.1', 3000)
  t.equal(await answered(), 2000)
  mock.timers.tick(1000)
  t.equal(await answered(), 3000)
})
