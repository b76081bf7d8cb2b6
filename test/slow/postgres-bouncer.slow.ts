// What three instances hold on PostgreSQL they hold behind PgBouncer in transaction mode, where each transaction may have another connection.
import pg from 'pg'
import t from 'tap'
import { openDatabase } from '../../db/open.ts'
import { insertSession, rotateSession } from '../../db/sessions.ts'
import { insertUser } from '../../db/users.ts'
import { startBouncer } from './postgres/bouncer.ts'
import { countGuesses, keepThree, NAMES, registerOnce } from './postgres/exact.ts'
import { startBehindBouncer } from './postgres/instances.ts'
import { startServer } from './postgres/server.ts'
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

t.test('behind PgBouncer the refresh of a session that stays locked is given up by the server, and no other one is refused', async (t) => {
  const server = await startServer(t)
  const db = await openDatabase(server.url({ port: await startBouncer(t, server) }))
  const others = new pg.Client(server.url())
  await others.connect()
  t.teardown(async () => {
    await others.end()
    await db.close()
  })
  const times = { created_at: 1, refreshed_at: 1, expires_at: 9_000_000, refresh_iat: 1, refresh_exp: 7000 }
  const state = { ...times, refresh_jti: 'first', replaced: '', address: '', client: '' }
  await db.write(async (handle) => {
    const user_id = await insertUser(handle, { username: 'alice', username_key: 'alice', password: '-', created_at: 1 })
    for (let i = 0; i < 60; i++) await insertSession(handle, { ...state, user_id, sid_secret: null })
  })
  const refresh = (id: number) =>
    db.write((handle) => rotateSession(handle, { ...state, id, pending_jti: null }, 'first'), { isSingle: true })
  await others.query('begin; update sessions set client = client where id = 1')
  let isOver = false
  const locked = refresh(1).finally(() => {
    isOver = true
  })
  const refreshAgain = async (id: number) => {
    while (!isOver) await refresh(id)
  }
  const outcomes = await Promise.allSettled([locked, ...Array.from({ length: 59 }, (_, index) => refreshAgain(index + 2))])
  t.match(outcomes[0], { status: 'rejected', reason: { message: /^57014: / } })
  t.same(
    outcomes.slice(1).filter(({ status }) => status === 'rejected'),
    [],
  )
})
