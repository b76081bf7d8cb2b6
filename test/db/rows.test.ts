import t, { type Test } from 'tap'
import type { Database } from '../../db/database.ts'
import { openDatabase } from '../../db/open.ts'
import { expireSession } from '../../db/session-ends.ts'
import { findUserAndSession, insertSession } from '../../db/sessions.ts'
import { deleteTalliesExpiredBefore, findTally, lockTally, saveOutcome, saveTally } from '../../db/tallies.ts'
import { deleteUser, insertUser } from '../../db/users.ts'

async function openInMemory(t: Test): Promise<Database> {
  const db = await openDatabase(':memory:')
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
      await deleteUser(handle, userId)
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

t.test('a session is marked as expired only once', async (t) => {
  const db = await openInMemory(t)
  const marked = await db.write(async (handle) => {
    const userId = await insertUser(handle, user('alice'))
    const expired = { id: await insertSession(handle, session(userId)), sid_secret: null, userId, username: 'alice', at: 9000 }
    return [await expireSession(handle, expired), await expireSession(handle, { ...expired, at: 9999 })]
  })
  t.same(marked, [true, false])
  t.match(await findUserAndSession(db.read, 1, 1), { session: { ended_at: 9000, end_reason: 'expired' } })
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
