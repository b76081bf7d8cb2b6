import type { Handle } from './database.ts'
import { hot } from './hot.ts'
import type { Session, User } from './schema.ts'

/** What the rules of sessions look at, and no more: it is read at each check of a token, and every column costs. */
const STATE = [
  'id',
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

/** The user of a token and its session; no session when the row is gone or another user's. */
export interface UserAndSession {
  readonly user: Pick<User, 'id' | 'username' | 'is_active'>
  readonly session: SessionState | undefined
}

// The casts tell SQLite the type of the parameters: without them it prepares a join anew at every run.
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

type Started = Omit<Session, 'id' | 'pending_jti' | 'ended_at' | 'end_reason'>

const insert = hot((db, value: Started) =>
  db
    .insertInto('sessions')
    .values({
      user_id: value.user_id,
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

/** A new session; resolves to its id. */
export async function insertSession(db: Handle, session: Started): Promise<number> {
  const { rows } = await insert(db, session)
  return (rows[0] as { id: number }).id
}

export type Rotation = Omit<Session, 'user_id' | 'created_at' | 'expires_at' | 'ended_at' | 'end_reason'>

const rotate = hot((db, value: Rotation) =>
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
    .where('id', '=', value.id),
)

/** Makes another refresh token the session's current one. */
export async function rotateSession(db: Handle, rotation: Rotation): Promise<void> {
  await rotate(db, rotation)
}

type Use = Pick<Session, 'id' | 'refreshed_at' | 'address' | 'client'>

const touch = hot((db, value: Use) =>
  db
    .updateTable('sessions')
    .set({ refreshed_at: value.refreshed_at, address: value.address, client: value.client })
    .where('id', '=', value.id),
)

/** The session was refreshed without a rotation. */
export async function touchSession(db: Handle, use: Use): Promise<void> {
  await touch(db, use)
}

/** Settles the chain of a session, unless it has moved on since it was read. */
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

/**
 * The live sessions of a user, the one used last first.
 *
 * @param now milliseconds since the epoch
 */
export async function listLiveSessions(db: Handle, userId: number, now: number): Promise<Session[]> {
  return liveSessions(db, userId, now, Math.floor(now / 1000))
    .selectAll()
    .execute()
}

/** After `SESSIONS_PER_USER` was lowered: the rest goes with the next login. */
const SURPLUS_LIMIT = 100

const surplus = hot((db, value: { userId: number; now: number; nowSeconds: number; keep: number }) =>
  liveSessions(db, value.userId, value.now, value.nowSeconds).select('id').limit(SURPLUS_LIMIT).offset(value.keep),
)

/** The ids of those after the first `keep` of them. */
export async function findSurplusSessions(db: Handle, userId: number, now: number, keep: number): Promise<number[]> {
  const { rows } = await surplus(db, { userId, now, nowSeconds: Math.floor(now / 1000), keep })
  return rows.map(({ id }) => id)
}

function liveSessions(db: Handle, userId: number, now: number, nowSeconds: number) {
  return db
    .selectFrom('sessions')
    .where('user_id', '=', userId)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', now)
    .where('refresh_exp', '>', nowSeconds)
    .orderBy('refreshed_at', 'desc')
    .orderBy('id', 'desc')
}
