// Not on PostgreSQL: it uses no database.
import t from 'tap'
import { advance, type Chain, nothingReplaced, settle, standing } from '../../../domain/sessions/refresh-chain.ts'

const first: Chain = { refresh_jti: 'a', pending_jti: null, replaced: nothingReplaced }
const GRACE_MS = 30_000
const at = (chain: Chain, jti: string, now: number, graceMs = GRACE_MS) => standing(chain, jti, now, graceMs)

t.test('the current refresh token is current, and an unknown one counts as reused', async (t) => {
  t.equal(at(first, 'a', 0), 'current')
  t.equal(at(first, 'x', 0), 'reused')
})

t.test('a refresh token counts as replaced from the rotation until the last millisecond of the grace', async (t) => {
  const chain = advance(first, 'b', 1000, GRACE_MS, false)
  t.equal(at(chain, 'b', 1000), 'current')
  t.equal(at(chain, 'a', 1000), 'replaced')
  t.equal(at(chain, 'a', 31_000), 'replaced')
  t.equal(at(chain, 'a', 31_001), 'reused')
})

t.test('a refresh token that was replaced more than a minute in the future, when the clock was wrong, counts as reused', async (t) => {
  const chain = advance(first, 'b', 100_000, GRACE_MS, false)
  t.equal(at(chain, 'a', 40_000), 'replaced')
  t.equal(at(chain, 'a', 39_999), 'reused')
  t.equal(advance(chain, 'c', 39_999, GRACE_MS, false).replaced, 'b@39999', 'and is forgotten')
})

t.test('two rotations within one second leave only the last refresh token current', async (t) => {
  const chain = advance(advance(first, 'b', 1000, 0, false), 'c', 1001, 0, false)
  t.equal(at(chain, 'a', 1001, 0), 'reused')
  t.equal(at(chain, 'b', 1001, 0), 'reused')
  t.equal(at(chain, 'c', 1001, 0), 'current')
})

t.test('of more than 50 tokens replaced within the grace, the oldest are forgotten and count as reused', async (t) => {
  let chain = first
  for (let i = 1; i <= 51; i++) chain = advance(chain, `t${i}`, i, GRACE_MS, false)
  t.equal(chain.replaced.split(' ').length, 50)
  t.equal(at(chain, 'a', 51), 'reused')
  t.equal(at(chain, 't1', 51), 'replaced')
})

t.test('with confirmed rotation a token is not replaced until its successor is used, however long that takes', async (t) => {
  const chain = advance(first, 'b', 1000, GRACE_MS, true)
  t.equal(at(chain, 'a', 10_000_000), 'pending')
  const seen = settle(chain, 10_000_000, GRACE_MS)
  t.equal(at(seen, 'a', 10_030_000), 'replaced')
  t.equal(at(seen, 'a', 10_030_001), 'reused')
})

t.test('the next rotation confirms the one before it', async (t) => {
  const chain = advance(advance(first, 'b', 1000, GRACE_MS, true), 'c', 2000, GRACE_MS, true)
  t.equal(at(chain, 'a', 32_000), 'replaced')
  t.equal(at(chain, 'a', 32_001), 'reused')
  t.equal(at(chain, 'b', 32_001), 'pending')
})

t.test('a successor that was used before does not confirm the rotation a second time', async (t) => {
  const seen = settle(advance(first, 'b', 0, GRACE_MS, true), 0, GRACE_MS)
  t.same(settle(seen, 20_000, GRACE_MS), seen)
})
