import t from 'tap'
import { charge, dischargeIn, type Limit } from '../../../domain/limits/charging.ts'
import { build } from '../../helper.ts'

const LIMITS: readonly Limit[] = [
  { name: 'pair', key: 'pair', rule: { free: 1, windowMs: 3_600_000, slides: true, delayMs: () => 60_000 } },
  {
    name: 'account',
    key: 'account',
    rule: { free: 1, windowMs: 3_600_000, slides: false, delayMs: () => 30_000, hasLane: true },
    turns: { party: 'network', member: 'network', isSplit: false },
  },
]

t.test('what one limit refuses is counted against none, and neither takes nor is promised a turn in the lane of another', async (t) => {
  const { db, clock } = await build(t)
  const attempt = () => db.write((handle) => charge(handle, LIMITS, clock()))
  const state = async () => [
    await db.read.selectFrom('tallies').selectAll().execute(),
    await db.read.selectFrom('lane_places').selectAll().execute(),
  ]
  const charged = await attempt()
  if ('kind' in charged) return t.fail('the first is free')
  await db.write(async (handle) => {
    const discharge = await dischargeIn(handle, charged)
    await discharge(() => 'failed', clock())
  })
  const before = await state()
  t.match(await attempt(), { kind: 'wait', waitMs: 60_000, limit: { name: 'pair' } })
  t.strictSame(await state(), before)
  clock.advance(60)
  t.match(await attempt(), [{ limit: { name: 'pair' } }, { limit: { name: 'account' }, lane: { lane: 'account' } }])
})
