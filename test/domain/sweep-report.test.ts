// Not on PostgreSQL: it uses no database.
import t from 'tap'
import { SweepReport } from '../../domain/sweep-report.ts'

/** A report whose clock a test moves, and its lines. */
function report() {
  const lines: unknown[] = []
  const time = { now: 0 }
  const it = new SweepReport({ info: (details, message) => lines.push([details, message]) }, () => time.now)
  return { it, lines, time }
}

t.test('a sweep that takes less than a second has no line', async (t) => {
  const { it, lines, time } = report()
  it.note('events', 100)
  time.now = 999
  it.note('events', 1)
  it.end()
  t.same(lines, [])
})

t.test('one that takes longer tells how far it is after a second, then every ten, and what it has deleted at its end', async (t) => {
  const { it, lines, time } = report()
  it.note('tallies', 3)
  it.note('turns', 0)
  for (time.now = 500; time.now < 21_500; time.now += 500) it.note('expired sessions', 100)
  it.end()
  t.strictSame(lines, [
    [{ deleted: 200 }, 'sweeping: 200 expired sessions deleted so far'],
    [{ deleted: 2200 }, 'sweeping: 2200 expired sessions deleted so far'],
    [{ deleted: 4200 }, 'sweeping: 4200 expired sessions deleted so far'],
    [{ deleted: 4203, ms: 21_500 }, 'swept in 22 seconds: 3 tallies, 4200 expired sessions deleted'],
  ])
})
