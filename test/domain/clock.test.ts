// Not on PostgreSQL: it uses no database.
import t from 'tap'
import { type ClockChange, ClockWatch } from '../../domain/clock.ts'
import { reportClock } from '../../domain/clock-report.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** A watch on two clocks that a test moves, and what it has reported. */
function watched() {
  const wall = { now: 1_700_000_000_000, elapsed: 5000 }
  const changes: ClockChange[] = []
  const watch = new ClockWatch(
    () => wall.now,
    () => wall.elapsed,
    (change) => changes.push(change),
  )
  const pass = (ms: number) => {
    wall.now += ms
    wall.elapsed += ms
  }
  const jump = (ms: number) => {
    wall.now += ms
  }
  return { watch, changes, pass, jump }
}

t.test('a clock is steady from the start, and stays so for as long as it goes on as the monotonic one does', async (t) => {
  const { watch, changes, pass } = watched()
  for (let day = 0; day < 100; day++) {
    t.equal(watch.isSteady, true)
    pass(DAY)
  }
  t.same(changes, [])
})

for (const [name, sign] of [
  ['ahead', 1],
  ['back', -1],
] as const) {
  t.test(`a clock that has moved ${name} by more than a minute is not steady, at once and for the next ten minutes`, async (t) => {
    const { watch, changes, pass, jump } = watched()
    jump(sign * MINUTE)
    t.equal(watch.isSteady, true)
    jump(sign * (MINUTE + 1))
    t.equal(watch.isSteady, false)
    pass(10 * MINUTE - 1)
    t.equal(watch.isSteady, false)
    pass(1)
    t.equal(watch.isSteady, true)
    t.same(changes, [
      { kind: 'jumped', movedMs: sign * (MINUTE + 1) },
      { kind: 'steady', movedMs: sign * (MINUTE + 1) },
    ])
  })
}

t.test('each further jump begins the ten minutes again, also the one back, and only the first is reported', async (t) => {
  const { watch, changes, pass, jump } = watched()
  jump(40 * DAY)
  t.equal(watch.isSteady, false)
  pass(14_000)
  jump(-40 * DAY)
  t.equal(watch.isSteady, false)
  pass(9 * MINUTE)
  t.equal(watch.isSteady, false)
  jump(-2 * MINUTE)
  t.equal(watch.isSteady, false)
  pass(10 * MINUTE - 1)
  t.equal(watch.isSteady, false)
  pass(1)
  t.equal(watch.isSteady, true)
  t.same(changes, [
    { kind: 'jumped', movedMs: 40 * DAY },
    { kind: 'steady', movedMs: -2 * MINUTE },
  ])
})

t.test('a clock that a time server moves slowly never jumps, however far', async (t) => {
  const { watch, changes, pass, jump } = watched()
  for (let i = 0; i < 1000; i++) {
    pass(5000)
    jump(-400)
    if (!watch.isSteady) t.fail(`not steady after ${i * 400} ms`)
  }
  t.same(changes, [])
})

t.test('a machine that has slept, in which time the monotonic clock stood still, is steady ten minutes after it woke', async (t) => {
  const { watch, pass, jump } = watched()
  jump(8 * HOUR)
  t.equal(watch.isSteady, false)
  pass(10 * MINUTE)
  t.equal(watch.isSteady, true)
})

t.test(
  'a reading is of one instant: an instant of a spike is not steady, though the clock is back when the next one is taken',
  async (t) => {
    const times = [0, 40 * DAY, 0]
    const watch = new ClockWatch(
      () => times.shift() as number,
      () => 0,
    )
    t.same(watch.read(), { now: 40 * DAY, isSteady: false })
    t.same(watch.read(), { now: 0, isSteady: false })
  },
)

t.test(
  'a jump is a warning that says by how much, what is held back and what to check; that it goes on is a line of its own',
  async (t) => {
    const lines: unknown[] = []
    const report = reportClock({
      info: (details, text) => lines.push(['info', details, text]),
      warn: (details, text) => lines.push(['warn', details, text]),
    })
    report({ kind: 'jumped', movedMs: 40 * DAY })
    report({ kind: 'steady', movedMs: -400 })
    report({ kind: 'steady', movedMs: 3 * MINUTE })
    report({ kind: 'jumped', movedMs: -HOUR })
    const text = (amount: string) =>
      `the clock has jumped, ${amount}: until it has been steady for ten minutes, sessions end only where somebody asks for it and nothing ` +
      'old is deleted. Check the time of this machine and what sets it; after a sleep of the machine this is normal'
    t.same(lines, [
      ['warn', { movedSeconds: 40 * 86_400 }, text('40 days ahead')],
      ['info', { movedSeconds: -0 }, 'the clock has been steady for ten minutes: it is where it was, and what was held back goes on'],
      [
        'info',
        { movedSeconds: 180 },
        'the clock has been steady for ten minutes: it stays 3 minutes ahead, and what was held back goes on',
      ],
      ['warn', { movedSeconds: -3600 }, text('1 hour back')],
    ])
  },
)
