import t, { type Test } from 'tap'
import type { Database } from '../../db/database.ts'
import { deleteSessionsExpiredBefore, expiryLine, listExpiredSessions } from '../../db/expired-sessions.ts'
import { openDatabase } from '../../db/open.ts'
import { endSessions } from '../../db/session-ends.ts'
import { insertSession } from '../../db/sessions.ts'
import { deleteTalliesExpiredBefore, findTally, lockTally, saveOutcome, saveTally } from '../../db/tallies.ts'
import { deleteUser, insertUser } from '../../db/users.ts'
import { databaseUrl } from '../databases.ts'

async function openInMemory(t: Test): Promise<Database> {
  const db = await openDatabase(await databaseUrl(t))
  t.teardown(() => db.close())
  return db
}

const user = (username: string) => ({ username, username_key: username, password: '-', created_at: 1 })
const session = (user_id: number) => ({
  user_id,
  created_at: 1,
  refreshed_at: 1,
  expires_at: 9000,
  refresh_jti: 'first',
  refresh_iat: 1,
  refresh_exp: 9,
  sid_secret: null,
  replaced: '',
  address: '',
  client: '',
})

t.test('the id of a deleted user or session is never used again', async (t) => {
  const db = await openInMemory(t)
  const ids = () =>
    db.write(async (handle) => {
      const userId = await insertUser(handle, user('alice'))
      const sessionId = await insertSession(handle, session(userId))
      await deleteUser(handle, userId, 5000)
      return [userId, sessionId]
    })
  t.same(
    [await ids(), await ids(), await ids()],
    [
      [1, 1],
      [2, 2],
      [3, 3],
    ],
  )
})

t.test('sessions that have expired are listed from the last expiry on, with their user, and deleted from the first hour on', async (t) => {
  const db = await openInMemory(t)
  await db.write(async (handle) => {
    const alice = await insertUser(handle, user('alice'))
    const bob = await insertUser(handle, user('bob'))
    for (const refresh_exp of [20, 30, 7250]) await insertSession(handle, { ...session(alice), expires_at: 9_000_000, refresh_exp })
    await insertSession(handle, { ...session(bob), sid_secret: 's', expires_at: 40_000, refresh_exp: 40 })
    await insertSession(handle, session(alice))
    await endSessions(handle, alice, { only: 5 }, expiryLine(0, 0), { at: 8000, reason: 'logout' })
  })
  const list = async (now: number, limit: number, username?: string) =>
    (await listExpiredSessions(db.read, { ...expiryLine(now, 10), limit, username })).map(({ id }) => id)
  t.same(await listExpiredSessions(db.read, { ...expiryLine(40_000, 10), limit: 9 }), [
    { id: 4, sid_secret: 's', user_id: 2, username: 'bob', at: 40_000, expires_at: 40_000, refresh_exp: 40 },
    { id: 2, sid_secret: null, user_id: 1, username: 'alice', at: 30_000, expires_at: 9_000_000, refresh_exp: 30 },
    { id: 1, sid_secret: null, user_id: 1, username: 'alice', at: 20_000, expires_at: 9_000_000, refresh_exp: 20 },
  ])
  t.strictSame(await list(39_999, 9), [1], 'an access token may live for ten seconds more')
  t.strictSame(await list(7_260_000, 2), [3, 4])
  t.strictSame(await list(7_260_000, 9, 'alice'), [3, 2, 1])
  t.strictSame(await list(7_260_000, 9, 'nobody'), [])
  const deleted = await db.write(async (handle) => [
    await deleteSessionsExpiredBefore(handle, 3599, 9),
    await deleteSessionsExpiredBefore(handle, 7260, 2),
    await deleteSessionsExpiredBefore(handle, 7260, 9),
  ])
  t.strictSame(deleted, [0, 2, 1])
  t.strictSame(await list(7_260_000, 9), [3])
})

t.test('sessions that have expired are listed by the second, whatever the hour they are found by', async (t) => {
  const db = await openInMemory(t)
  const ends = [3599, 3600, 3601, 7199, 7200, 7201]
  await db.write(async (handle) => {
    const alice = await insertUser(handle, user('alice'))
    for (const refresh_exp of ends) await insertSession(handle, { ...session(alice), refresh_exp })
  })
  for (const now of ends) {
    for (const since of ends) {
      for (const until of ends) {
        const wanted = { ...expiryLine(now * 1000, 0), since: since * 1000, until: until * 1000, limit: 9 }
        const listed = (await listExpiredSessions(db.read, wanted)).map(({ refresh_exp }) => refresh_exp)
        const expired = ends.filter((end) => end <= now && end >= since && end < until)
        t.same(listed, expired.reverse(), `until ${now}: those of ${since} to ${until}`)
      }
    }
  }
})

t.test('a tally starts as expired, is kept while it counts anything, and is deleted when it is settled or old', async (t) => {
  const db = await openInMemory(t)
  const empty = { count: 0, in_flight: 0, in_flight_until: 0, next_at: 0, since: 0, expires_at: 0 }
  await db.write(async (handle) => {
    t.same(await lockTally(handle, 'one'), { key: 'one', ...empty })
    await saveTally(handle, { key: 'one', ...empty, count: 2, in_flight: 1, expires_at: 500 })
    await saveOutcome(handle, { key: 'one', ...empty, count: 1, next_at: 300, expires_at: 999 })
    for (const key of ['two', 'three', 'four']) await saveTally(handle, { ...(await lockTally(handle, key)), count: 1, expires_at: 600 })
    await saveOutcome(handle, { key: 'two', ...empty })
  })
  t.same(
    await findTally(db.read, 'one'),
    { key: 'one', ...empty, count: 1, next_at: 300, expires_at: 500 },
    'an outcome does not change the expiry',
  )
  t.equal(await findTally(db.read, 'two'), undefined)
  const deleted = [500, 501, 700].map((before) => db.write((handle) => deleteTalliesExpiredBefore(handle, before, 1)))
  t.same(await Promise.all(deleted), [0, 1, 1])
  t.equal(await db.write((handle) => deleteTalliesExpiredBefore(handle, 700, 10)), 1)
})
