import t from 'tap'
import { legacySettings, revokeInRounds, useInRounds } from './legacy-rounds.ts'
import { AT_ONCE } from './refresh-rounds.ts'
import { startTwo } from './two-processes.ts'

const ROUNDS = 1000
const REVOCATIONS = 50

t.test(
  `${AT_ONCE} first uses of a legacy token at once, over two processes, make one session with one successor, ${ROUNDS} times`,
  async (t) => {
    const two = await startTwo(t, legacySettings)
    await useInRounds(t, two, `file:${two.file}`, ROUNDS)
  },
)

t.test(`of legacy tokens that are used while all are revoked none is left, ${REVOCATIONS} times`, async (t) => {
  const two = await startTwo(t, legacySettings)
  await revokeInRounds(t, two, `file:${two.file}`, REVOCATIONS)
})
