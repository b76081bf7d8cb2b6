import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import type { Ending } from './race.ts'
import { disabling, ENDS, logoutOf, passwordChange, raceThem, SURPLUS } from './races.ts'
import { startTwo, type TwoProcesses } from './two-processes.ts'

const ROUNDS = 1000

async function holds(t: Test, two: TwoProcesses, ending: Ending): Promise<void> {
  await raceThem(t, two, ending, ROUNDS)
  const sqlite = new SQLite(two.file, { readonly: true })
  t.teardown(() => sqlite.close())
  t.same(sqlite.prepare(ENDS).pluck().all(), [ending.reason])
  t.same(sqlite.prepare(SURPLUS).pluck().all(), [], 'no user has a live session beside the keeper')
}

t.test(`a session that is refreshed during its logout ends, ${ROUNDS} times`, async (t) => {
  const two = await startTwo(t)
  await holds(t, two, logoutOf(two, t))
})

t.test(`a session that is refreshed or started during a password change ends, ${ROUNDS} times`, async (t) => {
  const two = await startTwo(t)
  await holds(t, two, passwordChange(two))
})

t.test(`a session that is refreshed or started while its user is disabled ends, ${ROUNDS} times`, async (t) => {
  const two = await startTwo(t)
  await holds(t, two, await disabling(t, `file:${two.file}`))
})
