import type { Handle } from '../../db/database.ts'
import type { EndReason, User } from '../../db/schema.ts'
import { type Expired, endSessions as endRows, expireSession, findExpiredOf, type Which } from '../../db/session-ends.ts'
import type { SessionState } from '../../db/sessions.ts'
import type { Core } from '../context.ts'
import { noOrigin, type Origin, recordEvent } from '../events/record.ts'
import { sidOf } from './sid.ts'

/** Whose sessions end. */
export type Owner = Pick<User, 'id' | 'username'>

/** Why, by whose request and when sessions end. */
export interface Ending {
  readonly reason: EndReason
  readonly origin: Origin
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Whether `at` may be relied on. */
  readonly isSteady: boolean
  readonly accessTokenTtlSeconds: number
}

export function endingNow({ config, clockWatch }: Core, origin: Origin, reason: EndReason): Ending {
  const { now, isSteady } = clockWatch.read()
  return { reason, origin, at: now, isSteady, accessTokenTtlSeconds: config.accessTokenTtlSeconds }
}

/**
 * Whether a session has neither ended nor passed its absolute end. How long it may be idle is the `exp` of its refresh token.
 *
 * @param now milliseconds since the epoch
 */
export function isLive(session: SessionState | undefined, now: number): session is SessionState {
  return session !== undefined && session.ended_at === null && session.expires_at > now
}

/**
 * Ends sessions of a user in a transaction, each with its event.
 *
 * @returns how many were live until now; those that had expired before are marked as expired, whatever the reason, and left alone
 *   while the clock is not steady: they may only seem to have expired
 */
export async function endSessions(handle: Handle, owner: Owner, which: Which, ending: Ending): Promise<number> {
  const { at, isSteady, reason, origin } = ending
  if (isSteady) await expire(handle, await findExpiredOf(handle, owner.id, at, ending.accessTokenTtlSeconds))
  const ended = await endRows(handle, owner.id, which, at, reason)
  for (const session of ended) {
    const happening = { reason, userId: owner.id, username: owner.username, sid: sidOf(session) }
    await recordEvent(handle, at, origin, { kind: 'session_ended', ...happening })
  }
  return ended.length
}

/** Marks sessions as expired, each with its event, at the time at which they expired. */
export async function expire(handle: Handle, sessions: readonly Expired[]): Promise<void> {
  for (const session of sessions) {
    const { userId, username, at } = session
    // Another process may have marked it since it was read: then it has recorded the event.
    if (!(await expireSession(handle, session))) continue
    await recordEvent(handle, at, noOrigin, { kind: 'session_ended', reason: 'expired', userId, username, sid: sidOf(session) })
  }
}
