import type { Handle } from './database.ts'
import { hot } from './hot.ts'
import type { EndReason, Session, User } from './schema.ts'

/** Which of a user's sessions: all, one, or all but one. */
export type Which = 'all' | { readonly only: number } | { readonly except: number }

/** What the `sid` of a session is made of. */
type Sid = Pick<Session, 'id' | 'sid_secret'>

/** Ends sessions of a user that have not ended yet; resolves to those. `endedAt` in milliseconds since the epoch. */
export async function endSessions(db: Handle, userId: number, which: Which, endedAt: number, reason: EndReason): Promise<Sid[]> {
  const all = db
    .updateTable('sessions')
    .set({ ended_at: endedAt, end_reason: reason })
    .where('user_id', '=', userId)
    .where('ended_at', 'is', null)
    .returning(['id', 'sid_secret'])
  return (which === 'all' ? all : all.where('id', ...condition(which))).execute()
}

function condition(which: Exclude<Which, 'all'>): ['=' | '!=', number] {
  return 'only' in which ? ['=', which.only] : ['!=', which.except]
}

/** A session that has expired. `at` is when it did, in milliseconds since the epoch. */
export interface Expired extends Sid {
  readonly userId: number
  readonly username: string
  readonly at: number
}

/**
 * At most `limit` sessions that have expired and are not marked as ended yet.
 *
 * @param now milliseconds since the epoch
 * @param accessTtlSeconds life of an access token: a session whose refresh token has expired goes on until its last access token has
 */
export async function findExpired(db: Handle, now: number, accessTtlSeconds: number, limit: number): Promise<Expired[]> {
  const { nowSeconds, idleSince } = inSeconds(now, accessTtlSeconds)
  return (await expired(db, now, nowSeconds, idleSince).limit(limit).execute()).map(toExpired)
}

const expiredOf = hot((db, value: { userId: number; now: number; nowSeconds: number; idleSince: number }) =>
  expired(db, value.now, value.nowSeconds, value.idleSince).where('sessions.user_id', '=', value.userId),
)

/** All such sessions of one user. */
export async function findExpiredOf(db: Handle, userId: number, now: number, accessTtlSeconds: number): Promise<Expired[]> {
  const { rows } = await expiredOf(db, { userId, now, ...inSeconds(now, accessTtlSeconds) })
  return rows.map(toExpired)
}

function inSeconds(now: number, accessTtlSeconds: number) {
  const nowSeconds = Math.floor(now / 1000)
  return { nowSeconds, idleSince: nowSeconds - accessTtlSeconds }
}

function expired(db: Handle, now: number, nowSeconds: number, idleSince: number) {
  return (
    db
      .selectFrom('sessions')
      .innerJoin('users', 'users.id', 'sessions.user_id')
      .select(['sessions.id', 'sessions.sid_secret', 'sessions.user_id', 'users.username', 'sessions.expires_at', 'sessions.refresh_exp'])
      .where('sessions.ended_at', 'is', null)
      // This finds all, because no refresh token outlives its session, and there is an index for it.
      .where('sessions.refresh_exp', '<=', nowSeconds)
      .where((where) => where.or([where('sessions.expires_at', '<=', now), where('sessions.refresh_exp', '<=', idleSince)]))
  )
}

function toExpired(row: Pick<Session, 'id' | 'sid_secret' | 'user_id' | 'expires_at' | 'refresh_exp'> & Pick<User, 'username'>): Expired {
  const { id, sid_secret, user_id: userId, username } = row
  return { id, sid_secret, userId, username, at: Math.min(row.expires_at, row.refresh_exp * 1000) }
}

/** Marks a session as ended when it expired. Resolves to false when it had ended already. */
export async function expireSession(db: Handle, { id, at }: Expired): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('sessions')
    .set({ ended_at: at, end_reason: 'expired' })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0
}

/** Deletes at most `limit` sessions that ended before `before` (milliseconds since the epoch); resolves to how many. */
export async function deleteSessionsEndedBefore(db: Handle, before: number, limit: number): Promise<number> {
  const old = db.selectFrom('sessions').select('id').where('ended_at', '<', before).limit(limit)
  const { numDeletedRows } = await db.deleteFrom('sessions').where('id', 'in', old).executeTakeFirst()
  return Number(numDeletedRows)
}

const countEnded = hot((db, value: { userId: number }) =>
  db
    .selectFrom('sessions')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('user_id', '=', value.userId)
    .where('ended_at', 'is not', null),
)

const deleteOldest = hot((db, value: { userId: number; limit: number }) => {
  const ended = db.selectFrom('sessions').select('id').where('user_id', '=', value.userId).where('ended_at', 'is not', null)
  return db.deleteFrom('sessions').where('id', 'in', ended.orderBy('ended_at').orderBy('id').limit(value.limit))
})

/** Deletes ended sessions of a user but the `kept` that ended last: the oldest first, and at most `limit`. */
export async function trimEndedSessions(db: Handle, userId: number, kept: number, limit: number): Promise<void> {
  const { rows } = await countEnded(db, { userId })
  const surplus = Number(rows[0]?.count) - kept
  if (surplus > 0) await deleteOldest(db, { userId, limit: Math.min(surplus, limit) })
}
