import t from 'tap'
import { legacySettings, revokeInRounds, useInRounds } from './legacy-rounds.ts'
import { startTogether } from './postgres/instances.ts'
import { AT_ONCE } from './refresh-rounds.ts'

const ROUNDS = 500
const REVOCATIONS = 50

t.test(
  `${AT_ONCE} first uses of a legacy token at once, over two instances, make one session with one successor, ${ROUNDS} times`,
  async (t) => {
    const together = await startTogether(t, 2, legacySettings)
    await useInRounds(t, together, together.url, ROUNDS)
  },
)

t.test(`of legacy tokens that are used at two instances while all are revoked none is left, ${REVOCATIONS} times`, async (t) => {
  const together = await startTogether(t, 2, legacySettings)
  await revokeInRounds(t, together, together.url, REVOCATIONS)
})
