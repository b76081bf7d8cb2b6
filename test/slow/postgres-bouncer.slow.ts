// What three instances hold on PostgreSQL they hold behind PgBouncer in transaction mode, where each transaction may have another connection.
import t from 'tap'
import { countGuesses, keepThree, NAMES, registerOnce } from './postgres/exact.ts'
import { startBehindBouncer } from './postgres/instances.ts'
import { logoutOf, passwordChange, raceThem, SURPLUS } from './races.ts'
import { AT_ONCE, COMPLAINTS, refreshInRounds, SESSIONS } from './refresh-rounds.ts'

const ROUNDS = 100
const RACES = 80

t.test(`${AT_ONCE} refreshes of one token at once behind PgBouncer get one successor and end no session, ${ROUNDS} times`, async (t) => {
  const together = await startBehindBouncer(t)
  await refreshInRounds(t, together, ROUNDS)
  t.same(await together.server.sql(SESSIONS), [{ id: '1', ended_at: null }])
  t.same(await together.server.sql(COMPLAINTS), [])
})

t.test('behind PgBouncer guesses that are spread over three instances count as if all were made at one', (t) =>
  countGuesses(t, startBehindBouncer),
)

t.test(`behind PgBouncer of registrations of one name at once one makes a user, ${NAMES} times`, (t) => registerOnce(t, startBehindBouncer))

t.test('behind PgBouncer of fifty logins of a user at once three sessions live, where SESSIONS_PER_USER is 3', (t) =>
  keepThree(t, startBehindBouncer),
)

for (const [what, endingOf] of [
  ['logout', logoutOf],
  ['password change', passwordChange],
] as const) {
  t.test(`behind PgBouncer a session that is refreshed during its ${what} ends, ${RACES} times`, async (t) => {
    const together = await startBehindBouncer(t)
    await raceThem(t, together, endingOf(together, t), RACES)
    t.same(await together.server.column(SURPLUS), [], 'no user has a live session beside the keeper')
  })
}
