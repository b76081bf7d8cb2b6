import type { ExpressionBuilder } from 'kysely'
import type { Handle } from './database.ts'
import { hot } from './hot.ts'
import type { Session, Tables, User } from './schema.ts'
import { unlocked } from './turns.ts'

// That a session has expired is written nowhere: its row says until when it was good. A row with an `ended_at` was ended before that, or was
// marked as expired by an earlier version, which also wrote an event.

/**
 * Now, as the columns of a session count it. A session has expired when it has reached `expires_at`, or when its last refresh token has
 * expired and every access token that was issued with it, too.
 */
export interface ExpiryLine {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Seconds since the epoch: a refresh token that expired then or before has no living access token. */
  readonly idleSince: number
}

/**
 * @param now milliseconds since the epoch
 * @param accessTtlSeconds life of an access token
 */
export function expiryLine(now: number, accessTtlSeconds: number): ExpiryLine {
  return { now, idleSince: Math.floor(now / 1000) - accessTtlSeconds }
}

/** A session that has expired, and its user. */
export interface ExpiredSession
  extends Pick<Session, 'id' | 'sid_secret' | 'user_id' | 'expires_at' | 'refresh_exp'>,
    Pick<User, 'username'> {
  /** When it expired, in milliseconds since the epoch. */
  readonly at: number
}

interface Wanted extends ExpiryLine {
  /** Only the sessions of the user of exactly this name. */
  readonly username?: string | undefined
  /** Only those that expired from this instant on, and before that one (milliseconds since the epoch). */
  readonly since?: number | undefined
  readonly until?: number | undefined
  readonly limit: number
}

/** Whether a session had expired at a line. */
export function hasExpired(
  { expires_at, refresh_exp }: Pick<Session, 'expires_at' | 'refresh_exp'>,
  { now, idleSince }: ExpiryLine,
): boolean {
  return refresh_exp * 1000 <= now && (expires_at <= now || refresh_exp <= idleSince)
}

/** The sessions that expired last and are still kept, the newest expiry first. */
export async function listExpiredSessions(
  db: Handle,
  { now, idleSince, username, since, until, limit }: Wanted,
): Promise<ExpiredSession[]> {
  // No refresh token outlives its session, so its `exp` is when the session expires; there is an index for its hour.
  const from = since === undefined ? 0 : Math.ceil(since / 1000)
  const before = Math.min(Math.floor(now / 1000) + 1, until === undefined ? Number.POSITIVE_INFINITY : Math.ceil(until / 1000))
  const all = db
    .selectFrom('sessions')
    .select((row) => [
      'id',
      'sid_secret',
      'user_id',
      'expires_at',
      'refresh_exp',
      row('refresh_exp', '*', 1000).as('at'),
      nameOfUser(row).as('username'),
    ])
    .where('ended_at', 'is', null)
    .where('refresh_exp_hour', '>=', hourOf(from))
    .where('refresh_exp_hour', '<=', hourOf(before))
    .where('refresh_exp', '>=', from)
    .where('refresh_exp', '<', before)
    .where((where) => where.or([where('expires_at', '<=', now), where('refresh_exp', '<=', idleSince)]))
    .orderBy('refresh_exp_hour', 'desc')
    .orderBy('refresh_exp', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
  const users = db.selectFrom('users').select('id')
  return (username === undefined ? all : all.where('user_id', '=', users.where('username', '=', username))).execute()
}

/** As `refresh_exp_hour` counts. @param at seconds since the epoch */
function hourOf(at: number): number {
  return Math.floor(at / 3600)
}

/** Not a join: SQLite might begin it at the users, and sort all sessions. */
function nameOfUser(row: ExpressionBuilder<Tables, 'sessions'>) {
  return row.selectFrom('users').select('username').whereRef('users.id', '=', 'sessions.user_id').$asScalar().$notNull()
}

/**
 * Deletes at most `limit` sessions whose refresh token expired in an hour that was over at `before` (seconds since the epoch); resolves to how
 * many. Those of the hour itself come later: all of them would be read each time, to find the few that are old enough.
 */
export async function deleteSessionsExpiredBefore(db: Handle, before: number, limit: number): Promise<number> {
  const old = db.selectFrom('sessions').select('id').where('ended_at', 'is', null).where('refresh_exp_hour', '<', hourOf(before))
  const oldest = old.orderBy('refresh_exp_hour').limit(limit)
  const { numDeletedRows } = await db.deleteFrom('sessions').where('id', 'in', unlocked(db, oldest)).executeTakeFirst()
  return Number(numDeletedRows)
}

const notEnded = hot((db, value: { userId: number }) =>
  db
    .selectFrom('sessions')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('user_id', '=', value.userId)
    .where('ended_at', 'is', null),
)

/** How many sessions of a user have not ended: live ones, and such that have expired. */
export async function countNotEnded(db: Handle, userId: number): Promise<number> {
  return Number((await notEnded(db, { userId })).rows[0]?.count)
}

/** Deletes the oldest of a user's sessions that have expired, at most `limit`. */
export async function trimExpiredSessions(db: Handle, userId: number, line: ExpiryLine, limit: number): Promise<void> {
  const expired = db.selectFrom('sessions').select('id').where('user_id', '=', userId).where('ended_at', 'is', null)
  const oldest = expired.where('refresh_exp', '<=', line.idleSince).orderBy('refresh_exp').orderBy('id')
  await db
    .deleteFrom('sessions')
    .where('id', 'in', unlocked(db, oldest.limit(limit)))
    .execute()
}
