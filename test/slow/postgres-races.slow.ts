import t, { type Test } from 'tap'
import { startTogether, type Together } from './postgres/instances.ts'
import type { Ending } from './race.ts'
import { disabling, ENDS, logoutOf, passwordChange, raceThem, SURPLUS } from './races.ts'

const ROUNDS = 80

async function holds(t: Test, together: Together, ending: Ending): Promise<void> {
  await raceThem(t, together, ending, ROUNDS)
  t.same(await together.server.column(ENDS), [ending.reason])
  t.same(await together.server.column(SURPLUS), [], 'no user has a live session beside the keeper')
}

t.test(`a session that is refreshed at three instances during its logout ends, ${ROUNDS} times`, async (t) => {
  const together = await startTogether(t)
  await holds(t, together, logoutOf(together, t))
})

t.test(`a session that is refreshed or started at three instances during a password change ends, ${ROUNDS} times`, async (t) => {
  const together = await startTogether(t)
  await holds(t, together, passwordChange(together))
})

t.test(`a session that is refreshed or started at three instances while its user is disabled ends, ${ROUNDS} times`, async (t) => {
  const together = await startTogether(t)
  await holds(t, together, await disabling(t, together.url))
})
