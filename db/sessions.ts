import type { Handle } from './database.ts'
import { hot } from './hot.ts'
import type { Session, User } from './schema.ts'

/** The columns that the rules of sessions need. They are read at each check of a token, where every further column costs time. */
const STATE = [
  'id',
  'sid_secret',
  'user_id',
  'expires_at',
  'refresh_jti',
  'refresh_iat',
  'refresh_exp',
  'pending_jti',
  'replaced',
  'ended_at',
  'end_reason',
] as const

export type SessionState = Pick<Session, (typeof STATE)[number]>

/** The user of a token and its session; `session` is undefined when the row is gone or belongs to another user. */
export interface UserAndSession {
  readonly user: Pick<User, 'id' | 'username' | 'is_active'>
  readonly session: SessionState | undefined
}

// Without the casts, which tell the type of the parameters, SQLite prepares a join again at every run.
const userAndSession = hot((db, value: { userId: number; sessionId: number }) =>
  db
    .selectFrom('users')
    .leftJoin('sessions', (join) =>
      join
        .onRef('sessions.user_id', '=', 'users.id')
        .on((on) => on('sessions.id', '=', on.cast<number>(on.val(value.sessionId), 'bigint'))),
    )
    .select(STATE.map((column) => `sessions.${column}` as const))
    .select(['users.id as owner_id', 'users.username', 'users.is_active'])
    .where((where) => where('users.id', '=', where.cast<number>(where.val(value.userId), 'bigint'))),
)

/** The user of a token and its session, or undefined when there is no such user. */
export async function findUserAndSession(db: Handle, userId: number, sessionId: number): Promise<UserAndSession | undefined> {
  const row = (await userAndSession(db, { userId, sessionId })).rows[0]
  if (row === undefined) return undefined
  const user = { id: row.owner_id, username: row.username, is_active: row.is_active }
  return { user, session: row.id === null ? undefined : (row as SessionState) }
}

/** What no statement here writes: the database computes it. */
type Computed = 'refresh_exp_hour'

/** What only `noteElsewhere` writes. */
type Elsewhere = 'elsewhere_at' | 'elsewhere_address' | 'elsewhere_client'

type Started = Omit<Session, 'id' | 'pending_jti' | Computed | Elsewhere | 'ended_at' | 'end_reason'>

const insert = hot((db, value: Started) =>
  db
    .insertInto('sessions')
    .values({
      user_id: value.user_id,
      sid_secret: value.sid_secret,
      created_at: value.created_at,
      refreshed_at: value.refreshed_at,
      expires_at: value.expires_at,
      refresh_jti: value.refresh_jti,
      refresh_iat: value.refresh_iat,
      refresh_exp: value.refresh_exp,
      replaced: value.replaced,
      address: value.address,
      client: value.client,
    })
    .returning('id'),
)

/** Adds a session; resolves to its id. */
export async function insertSession(db: Handle, session: Started): Promise<number> {
  const { rows } = await insert(db, session)
  return (rows[0] as { id: number }).id
}

/**
 * A session has both of `ended_at` and `end_reason`, or none. Of those without the former there is an index, which PostgreSQL, planning this
 * once and maybe while there are few, might read from end to end instead of the one row.
 */
const NOT_ENDED = ['end_reason', 'is', null] as const

export type Rotation = Omit<
  Session,
  'user_id' | 'sid_secret' | 'created_at' | 'expires_at' | Computed | Elsewhere | 'ended_at' | 'end_reason'
>

const rotate = hot((db, value: Rotation & { was: string }) =>
  db
    .updateTable('sessions')
    .set({
      refreshed_at: value.refreshed_at,
      refresh_jti: value.refresh_jti,
      refresh_iat: value.refresh_iat,
      refresh_exp: value.refresh_exp,
      pending_jti: value.pending_jti,
      replaced: value.replaced,
      address: value.address,
      client: value.client,
    })
    .where('id', '=', value.id)
    .where('refresh_jti', '=', value.was)
    .where(...NOT_ENDED)
    .returning('id'),
)

/**
 * Makes another refresh token the session's current one.
 *
 * @param was the `jti` of the one that was current when the session was read
 * @returns false when it is not any more, or the session has ended; then nothing is changed
 */
export async function rotateSession(db: Handle, rotation: Rotation, was: string): Promise<boolean> {
  return (await rotate(db, { ...rotation, was })).rows.length > 0
}

type Use = Pick<Session, 'id' | 'refreshed_at' | 'address' | 'client'>

const touch = hot((db, value: Use) =>
  db
    .updateTable('sessions')
    .set({ refreshed_at: value.refreshed_at, address: value.address, client: value.client })
    .where('id', '=', value.id)
    .where(...NOT_ENDED)
    .returning('id'),
)

/** Notes that a session was refreshed and keeps its refresh token. Resolves to false when it has ended. */
export async function touchSession(db: Handle, use: Use): Promise<boolean> {
  return (await touch(db, use)).rows.length > 0
}

/** From where a session was used last, and when its last replaced token was answered elsewhere. */
export async function findUse(db: Handle, id: number): Promise<Pick<Session, 'address' | 'client' | 'elsewhere_at'> | undefined> {
  return db.selectFrom('sessions').select(['address', 'client', 'elsewhere_at']).where('id', '=', id).executeTakeFirst()
}

/**
 * Notes that a replaced token was answered elsewhere. `at` in milliseconds since the epoch.
 *
 * @param was when that had been noted last, as it was read; when it is another instant by now, nothing is changed
 */
export async function noteElsewhere(
  db: Handle,
  { id, at, address, client }: { id: number; at: number; address: string; client: string },
  was: number | null,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('sessions')
    .set({ elsewhere_at: at, elsewhere_address: address, elsewhere_client: client })
    .where('id', '=', id)
    .where('elsewhere_at', 'is not distinct from', was)
    .executeTakeFirst()
  return numUpdatedRows > 0
}

/**
 * Ends the time in which the refresh token before the current one still counts as current (`REFRESH_ROTATION=confirmed`). Changes nothing
 * when the session has been refreshed since it was read.
 */
export async function settleSession(
  db: Handle,
  { id, refresh_jti, replaced }: Pick<Session, 'id' | 'refresh_jti' | 'replaced'>,
): Promise<void> {
  await db
    .updateTable('sessions')
    .set({ pending_jti: null, replaced })
    .where('id', '=', id)
    .where('refresh_jti', '=', refresh_jti)
    .where('pending_jti', 'is not', null)
    .execute()
}

/** A session's user, and the random part of its `sid`. */
export async function findSessionOwner(db: Handle, id: number): Promise<Pick<Session, 'id' | 'user_id' | 'sid_secret'> | undefined> {
  return db.selectFrom('sessions').select(['id', 'user_id', 'sid_secret']).where('id', '=', id).executeTakeFirst()
}

/**
 * The live sessions of a user, the one refreshed last first.
 *
 * @param now milliseconds since the epoch
 */
export async function listLiveSessions(db: Handle, userId: number, now: number): Promise<Session[]> {
  return newestFirst(liveSessions(db, userId, now, Math.floor(now / 1000)))
    .selectAll()
    .execute()
}

/** There are more when `SESSIONS_PER_USER` was lowered: those end at the next logins, so that one login does not have to end thousands. */
const SURPLUS_LIMIT = 100

const surplus = hot((db, value: { userId: number; now: number; nowSeconds: number; latest: number; keep: number }) =>
  newestFirst(liveSessions(db, value.userId, value.now, value.nowSeconds).orderBy((session) => session('refreshed_at', '>', value.latest)))
    .select('id')
    .limit(SURPLUS_LIMIT)
    .offset(value.keep),
)

/**
 * The ids of a user's live sessions but the `keep` that were refreshed last; at most 100. Of a session that was refreshed after `latest`
 * nobody knows when that was, so it counts as the oldest. `now` and `latest` in milliseconds since the epoch.
 */
export async function findSurplusSessions(
  db: Handle,
  userId: number,
  { now, latest, keep }: { readonly now: number; readonly latest: number; readonly keep: number },
): Promise<number[]> {
  const { rows } = await surplus(db, { userId, now, nowSeconds: Math.floor(now / 1000), latest, keep })
  return rows.map(({ id }) => id)
}

function liveSessions(db: Handle, userId: number, now: number, nowSeconds: number) {
  return db
    .selectFrom('sessions')
    .where('user_id', '=', userId)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', now)
    .where('refresh_exp', '>', nowSeconds)
}

function newestFirst<T extends ReturnType<typeof liveSessions>>(sessions: T) {
  return sessions.orderBy('refreshed_at', 'desc').orderBy('id', 'desc')
}
