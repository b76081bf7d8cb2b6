// Not on PostgreSQL: it is about the clock.
import t, { type Test } from 'tap'
import { register, type TestApp } from '../helper.ts'
import { OWNER } from './attackers.ts'
import { attempt, failFromAnywhere, failWithAnyName, logsIn, RIGHT, throttled, two, wrong } from './limits.ts'

const AHEAD_MS = 40 * 86_400_000

/** Alice's name is past its limit, and an address has a turn that was promised while the clock was 40 days ahead. */
async function withTurnAhead(t: Test, from: string): Promise<TestApp> {
  const { a, b } = await two(t)
  await register(a)
  await failFromAnywhere([a, b], 100)
  t.strictSame(await attempt(a, { from }), throttled(30))
  await a.db.write((handle) =>
    handle
      .updateTable('lane_places')
      .set((eb) => ({ at: eb('at', '+', AHEAD_MS), expires_at: eb('expires_at', '+', AHEAD_MS) }))
      .execute(),
  )
  return a
}

t.test('whose turn was promised by a clock that was ahead is promised another', async (t) => {
  const app = await withTurnAhead(t, OWNER)
  t.strictSame(await attempt(app, { ...RIGHT, from: OWNER }), throttled(30))
  app.clock.advance(30)
  t.equal(await logsIn(app, { from: OWNER }), 200)
})

t.test('nobody comes behind a turn that was promised by a clock that was ahead', async (t) => {
  const app = await withTurnAhead(t, '192.0.2.9')
  t.strictSame(await attempt(app, { ...RIGHT, from: OWNER }), throttled(30))
})

t.test('nor does a /64 wait for such a turn of another /64 of its /48', async (t) => {
  const app = await withTurnAhead(t, '2001:db8:1:1::1')
  t.strictSame(await attempt(app, { ...RIGHT, from: '2001:db8:1:2::1' }), throttled(30))
})

t.test('of processes whose clocks differ by less than a minute none promises a later turn than the rule says', async (t) => {
  const { a, b } = await two(t)
  a.clock.advance(50)
  await failFromAnywhere([a], 100)
  t.strictSame(await attempt(b, { from: OWNER }), throttled(30))
})

t.test('failures that are forgotten put a name into the lane of those that have not failed', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  t.strictSame(await attempt(a, { from: OWNER }), wrong)
  advance(3600)
  await failWithAnyName([a, b], 300, OWNER)
  for (let i = 0; i < 3; i++) t.strictSame(await attempt(a, { username: `nobody-${i}`, from: OWNER }), throttled(30 * (i + 1)))
  t.strictSame(await attempt(b, { ...RIGHT, from: OWNER }), throttled(30))
})
