import type { Test } from 'tap'
import { loadConfig } from '../../config.ts'
import { openDatabase } from '../../db/open.ts'
import { systemClock } from '../../domain/clock.ts'
import { changePassword, logIn, logOut, register } from '../../harness/requests.ts'
import { setActive } from '../operator.ts'
import { success } from '../wire/wire.ts'
import { type Ending, race, type User } from './race.ts'
import { isAnswer, whenDisabled, whenEnded } from './refusals.ts'
import { pairOf, type Services } from './two-processes.ts'

/** They race at the same time, each in rounds of its own. */
const USERS = 8
export const PASSWORDS = ['correct horse battery', 'wrong donkey charger'] as const

/** The rounds of one user; resolves to how many refreshes were granted and refused while a session was being ended. */
async function runMany(t: Test, services: Services, ending: Ending, rounds: number, name: string) {
  await services.any(register(name, PASSWORDS[0]))
  let user: User = { name, password: PASSWORDS[0], keeper: await pairOf(services.any(logIn(name, PASSWORDS[0]))) }
  const sum = { granted: 0, refused: 0 }
  for (let round = 0; round < rounds && t.passing(); round++) {
    const { granted, refused, after } = await race(t, services, ending, user)
    user = after
    sum.granted += granted
    sum.refused += refused
  }
  return sum
}

/** So many sessions, raced and ended. */
export async function raceThem(t: Test, services: Services, ending: Ending, rounds: number): Promise<void> {
  const users = Array.from({ length: USERS }, (_, i) => runMany(t, services, ending, rounds / USERS, `user-${i}`))
  const sums = await Promise.all(users)
  const granted = sums.reduce((sum, one) => sum + one.granted, 0)
  const refused = sums.reduce((sum, one) => sum + one.refused, 0)
  t.comment(`while a session was being ended, ${granted} refreshes of it were granted, and ${refused} refused`)
  t.ok(granted > 0 && refused > 0, 'they met')
}

/** What sessions there are after a race, where only these ends are known. */
export const ENDS = 'select distinct end_reason from sessions where ended_at is not null'
/** Users with a live session beside the keeper. */
export const SURPLUS = 'select user_id from sessions where ended_at is null group by user_id having count(*) > 1'

/** Fails the test where a logout is not answered as it should be. */
export function logoutOf({ any }: Services, t: Test): Ending {
  return {
    reason: 'logout',
    refusal: whenEnded,
    endsLogins: false,
    async end(user, tokens) {
      const answer = await any(logOut(tokens.refresh))
      if (!isAnswer(answer, success(200, {}))) t.fail('not logged out', { answer })
      return user
    },
  }
}

export function passwordChange({ any }: Services): Ending {
  return {
    reason: 'password_changed',
    refusal: whenEnded,
    endsLogins: true,
    async end({ name, password, keeper }) {
      const next = password === PASSWORDS[0] ? PASSWORDS[1] : PASSWORDS[0]
      return { name, password: next, keeper: await pairOf(any(changePassword(keeper.access, password, next))) }
    },
  }
}

/** As the operator's command does it: on the same database, in another process than the services. */
export async function disabling(t: Test, databaseUrl: string): Promise<Ending> {
  const db = await openDatabase(databaseUrl)
  t.teardown(() => db.close())
  const operator = { db, ...systemClock(), config: loadConfig({}) }
  return {
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
  }
}
