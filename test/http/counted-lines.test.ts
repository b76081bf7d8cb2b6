// Not on PostgreSQL: it uses no database.
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { CountedLines } from '../../http/counted-lines.ts'

/** Lines whose timers go by `mock.timers.tick`, and what they have written. */
function counted(t: Test) {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const lines = new CountedLines()
  const written: [what: string, count: number][] = []
  return { lines, written, add: (key: string, what = key) => lines.add(key, (count) => written.push([what, count])) }
}

t.test('the first line is written at once, and those of the rest of its second as one, as the first of them', async (t) => {
  const { add, written } = counted(t)
  for (const what of ['first', 'second', 'third', 'fourth']) add('key', what)
  t.same(written, [['first', 1]])
  mock.timers.tick(1000)
  t.same(written, [
    ['first', 1],
    ['second', 3],
  ])
})

t.test('a storm is one line a second, and none is forgotten', async (t) => {
  const { add, written } = counted(t)
  for (let ms = 0; ms < 10_000; ms++) {
    add('storm')
    mock.timers.tick(1)
  }
  t.equal(written.length, 11)
  t.equal(
    written.reduce((sum, [, count]) => sum + count, 0),
    10_000,
  )
})

t.test('after a second of quiet a line is written at once again, and nothing is kept', async (t) => {
  const { add, lines, written } = counted(t)
  add('key', 'first')
  t.ok(lines.has('key'))
  mock.timers.tick(1000)
  t.notOk(lines.has('key'))
  t.equal(lines.size, 0)
  add('key', 'later')
  t.same(written, [
    ['first', 1],
    ['later', 1],
  ])
})

t.test('each key has its own second', async (t) => {
  const { add, written } = counted(t)
  for (const key of ['one', 'other', 'one', 'other']) add(key)
  t.same(written, [
    ['one', 1],
    ['other', 1],
  ])
})

t.test('a flush writes what is held back, once', async (t) => {
  const { add, lines, written } = counted(t)
  for (let i = 0; i < 3; i++) add('key')
  lines.flush()
  lines.flush()
  mock.timers.tick(5000)
  t.same(written, [
    ['key', 1],
    ['key', 2],
  ])
})
