import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { loadConfig } from '../../config.ts'
import { openDatabase } from '../../db/open.ts'
import { setActive } from '../../domain/accounts/administration.ts'
import { systemClock } from '../../domain/clock.ts'
import { changePassword, logIn, logOut, register } from '../../harness/requests.ts'
import { success } from '../wire/wire.ts'
import { type Ending, race, type User } from './race.ts'
import { isAnswer, whenDisabled, whenEnded } from './refusals.ts'
import { pairOf, startTwo, type TwoProcesses } from './two-processes.ts'

const ROUNDS = 1000
/** They race at the same time, each in rounds of its own. */
const USERS = 8
const PASSWORDS = ['correct horse battery', 'wrong donkey charger'] as const

/** The rounds of one user; resolves to how many refreshes were granted and refused while a session was being ended. */
async function runMany(t: Test, two: TwoProcesses, ending: Ending, name: string) {
  await two.either(register(name, PASSWORDS[0]))
  let user: User = { name, password: PASSWORDS[0], keeper: await pairOf(two.either(logIn(name, PASSWORDS[0]))) }
  const sum = { granted: 0, refused: 0 }
  for (let round = 0; round < ROUNDS / USERS && t.passing(); round++) {
    const { granted, refused, after } = await race(t, two, ending, user)
    user = after
    sum.granted += granted
    sum.refused += refused
  }
  return sum
}

async function raceThem(t: Test, two: TwoProcesses, ending: Ending): Promise<void> {
  const sums = await Promise.all(Array.from({ length: USERS }, (_, i) => runMany(t, two, ending, `user-${i}`)))
  const granted = sums.reduce((sum, one) => sum + one.granted, 0)
  const refused = sums.reduce((sum, one) => sum + one.refused, 0)
  t.comment(`while a session was being ended, ${granted} refreshes of it were granted, and ${refused} refused`)
  t.ok(granted > 0 && refused > 0, 'they met')
  const sqlite = new SQLite(two.file, { readonly: true })
  t.teardown(() => sqlite.close())
  t.same(sqlite.prepare('select distinct end_reason from sessions where ended_at is not null').pluck().all(), [ending.reason])
  const live = sqlite.prepare('select user_id from sessions where ended_at is null group by user_id having count(*) > 1')
  t.same(live.pluck().all(), [], 'no user has a live session beside the keeper')
}

t.test(`a session that is refreshed during its logout ends, ${ROUNDS} times`, async (t) => {
  const two = await startTwo(t)
  await raceThem(t, two, {
    reason: 'logout',
    refusal: whenEnded,
    endsLogins: false,
    async end(user, tokens) {
      const answer = await two.either(logOut(tokens.refresh))
      if (!isAnswer(answer, success(200, {}))) t.fail('not logged out', { answer })
      return user
    },
  })
})

t.test(`a session that is refreshed or started during a password change ends, ${ROUNDS} times`, async (t) => {
  const two = await startTwo(t)
  await raceThem(t, two, {
    reason: 'password_changed',
    refusal: whenEnded,
    endsLogins: true,
    async end({ name, password, keeper }) {
      const next = password === PASSWORDS[0] ? PASSWORDS[1] : PASSWORDS[0]
      return { name, password: next, keeper: await pairOf(two.either(changePassword(keeper.access, password, next))) }
    },
  })
})

t.test(`a session that is refreshed or started while its user is disabled ends, ${ROUNDS} times`, async (t) => {
  const two = await startTwo(t)
  // As the operator's command does it: on the same database, in another process than the services.
  const db = await openDatabase(`file:${two.file}`)
  t.teardown(() => db.close())
  const operator = { db, ...systemClock(), config: loadConfig({}) }
  await raceThem(t, two, {
    reason: 'user_disabled',
    refusal: whenDisabled,
    endsLogins: true,
    async end(user) {
      await setActive(operator, user.name, false)
      return user
    },
    async reopen({ name }) {
      await setActive(operator, name, true)
    },
  })
})
