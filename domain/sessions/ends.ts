import type { Handle } from '../../db/database.ts'
import type { EndReason, User } from '../../db/schema.ts'
import { type Expired, endSessions as endRows, expireSession, findExpiredOf, trimEndedSessions, type Which } from '../../db/session-ends.ts'
import type { SessionState } from '../../db/sessions.ts'
import type { Core } from '../context.ts'
import { recordOfUser } from '../events/of-users.ts'
import { noOrigin, type Origin } from '../events/record.ts'
import { sidOf } from './sid.ts'

/** Ended sessions of a user that are kept, within `SESSION_HISTORY`: whoever logs in again and again fills no disk. */
const ENDED_KEPT = 1000
/** Those past it are deleted when others end: these at least, so that after an upgrade one login does not delete all of years. */
const TRIMMED_AT_ONCE = 100

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
 * Ends sessions of a user in a transaction, each with its event. Of those that have ended the oldest are deleted, when they are too many.
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
    await recordOfUser(handle, at, origin, { kind: 'session_ended', ...happening })
  }
  if (isSteady && ended.length > 0) await trimEnded(handle, owner.id, ended.length)
  return ended.length
}

/** Marks sessions as expired, each with its event, at the time at which they expired. */
export async function expire(handle: Handle, sessions: readonly Expired[]): Promise<void> {
  for (const session of sessions) {
    const { userId, username, at } = session
    // Another process may have marked it since it was read: then it has recorded the event.
    if (!(await expireSession(handle, session))) continue
    await recordOfUser(handle, at, noOrigin, { kind: 'session_ended', reason: 'expired', userId, username, sid: sidOf(session) })
  }
  for (const userId of new Set(sessions.map((session) => session.userId))) await trimEnded(handle, userId, sessions.length)
}

/** Not while the clock is not steady, for then nobody knows which of them ended first. */
function trimEnded(handle: Handle, userId: number, ended: number): Promise<void> {
  return trimEndedSessions(handle, userId, ENDED_KEPT, Math.max(ended, TRIMMED_AT_ONCE))
}
