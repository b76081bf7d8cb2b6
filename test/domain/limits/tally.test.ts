// Not on PostgreSQL: it uses no database.
import t from 'tap'
import type { Tally } from '../../../db/schema.ts'
import { doubling, judge, type Rule, reserve, settle } from '../../../domain/limits/tally.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const NOW = 1_767_225_600_000

/** Two failures are free, then one a second, doubling up to 15 minutes; remembered for an hour since the last. */
const pair: Rule = { windowMs: HOUR, slides: true, free: 2, delayMs: doubling(2, SECOND, 15 * MINUTE) }
/** Three an hour since the first, and then none until the hour is over. */
const address: Rule = { windowMs: HOUR, slides: false, free: 3, delayMs: () => HOUR }

const none: Tally = { key: 'k', count: 0, in_flight: 0, in_flight_until: 0, next_at: 0, since: 0, expires_at: 0 }

/** A tally after some failures, one after the other at the same instant. */
function failed(rule: Rule, times: number, at: number, tally = none): Tally {
  let after = tally
  for (let i = 0; i < times; i++) after = settle(reserve(after, rule, at), 'failed', at)
  return after
}

const go = { kind: 'go' }
const wait = (waitMs: number) => ({ kind: 'wait', waitMs })

for (const ahead of [40 * DAY, 2 * HOUR, 61 * SECOND]) {
  t.test(`a tally of a clock that was ${ahead / SECOND} s ahead lets one attempt through, and goes on counting from there`, async (t) => {
    for (const rule of [pair, address]) {
      const tally = failed(rule, 5, NOW + ahead)
      t.same(judge(tally, rule, NOW), go)
      const next = failed(rule, 1, NOW, tally)
      t.match(next, { count: 6, since: NOW })
      t.same(judge(next, rule, NOW), wait(rule.delayMs(6)))
      t.same(judge(next, rule, NOW + rule.delayMs(6)), go)
    }
  })
}

t.test('failures of a clock that was ahead are forgotten as others are, when their window has passed since the next one', async (t) => {
  for (const times of [1, 3, 5]) {
    const tally = failed(address, 1, NOW, failed(address, times, NOW + 40 * DAY))
    t.match(failed(address, 1, NOW + HOUR - 1, tally), { count: times + 2 }, `${times} failures`)
    t.match(failed(address, 1, NOW + HOUR, tally), { count: 1, since: NOW + HOUR }, `${times} failures`)
  }
})

t.test('a tally of a clock that went ahead while it counted lets one attempt through, too, and keeps its beginning', async (t) => {
  const tally = failed(pair, 1, NOW + 30 * MINUTE, failed(pair, 4, NOW - MINUTE))
  t.same(judge(tally, pair, NOW), go)
  const next = failed(pair, 1, NOW, tally)
  t.match(next, { count: 6, since: NOW - MINUTE })
  t.same(judge(next, pair, NOW), wait(pair.delayMs(6)))
})

t.test('a clock that is behind lets one attempt through, and goes on counting', async (t) => {
  const tally = failed(address, 3, NOW)
  const behind = NOW - 40 * DAY
  t.same(judge(tally, address, behind), go)
  t.same(judge(failed(address, 1, behind, tally), address, behind), wait(HOUR))
})

t.test(
  'processes whose clocks differ by less than a minute lose no count, let nobody through, and wait no longer than the rule says',
  async (t) => {
    for (const rule of [pair, address]) {
      for (const ahead of [5 * SECOND, 59 * SECOND]) {
        const tally = failed(rule, 3, NOW + ahead)
        t.same(judge(tally, rule, NOW), wait(rule.delayMs(3)))
      }
    }
  },
)

t.test('an attempt of a process that died is waited for a minute, or two where its clock was ahead, and no longer', async (t) => {
  const tally = reserve(failed(pair, 1, NOW), pair, NOW)
  t.same(judge(tally, pair, NOW + 59 * SECOND), { kind: 'busy' })
  t.not(judge(tally, pair, NOW + MINUTE).kind, 'busy')
  t.same(judge({ ...tally, in_flight_until: NOW + 2 * MINUTE }, pair, NOW), { kind: 'busy' })
  t.same(judge({ ...tally, in_flight_until: NOW + 2 * MINUTE + 1 }, pair, NOW), wait(SECOND))
  t.match(reserve({ ...tally, in_flight_until: NOW + 40 * DAY }, pair, NOW), { in_flight: 1, in_flight_until: NOW + MINUTE })
})

t.test('nobody waits longer than failures are remembered', async (t) => {
  const tally = failed(address, 1, NOW + 50 * MINUTE, failed(address, 2, NOW))
  t.same(judge(tally, address, NOW + 50 * MINUTE), wait(10 * MINUTE))
  t.same(judge(tally, address, NOW + HOUR), go)
})

t.test('a delay that a setting has shortened is no longer waited for', async (t) => {
  const tally = failed(address, 3, NOW)
  const shorter = { ...address, delayMs: () => MINUTE }
  t.same(judge(tally, shorter, NOW), go)
  t.same(judge(failed(shorter, 1, NOW, tally), shorter, NOW), wait(MINUTE))
})
