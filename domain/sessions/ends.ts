import type { Handle } from '../../db/database.ts'
import { expiryLine, trimExpiredSessions } from '../../db/expired-sessions.ts'
import type { EndReason, User } from '../../db/schema.ts'
import { endSessions as endRows, trimEndedSessions, type Which } from '../../db/session-ends.ts'
import type { SessionState } from '../../db/sessions.ts'
import { noteRevocation } from '../../db/users.ts'
import type { Core } from '../context.ts'
import { recentOfUser, recordOfUser } from '../events/of-users.ts'
import type { Origin } from '../events/record.ts'
import { sidOf } from './sid.ts'

/** Ended sessions of a user that are kept, within `SESSION_HISTORY`: whoever logs in again and again fills no disk. */
const ENDED_KEPT = 1000
/** The same of expired ones, besides `SESSIONS_PER_USER`. Fewer, for whoever looks for the live ones of a user comes by all of these. */
const EXPIRED_KEPT = 200
/** So many past those are deleted when others end or begin, or as many as end: after an upgrade one login is not to delete all of years. */
const TRIMMED_AT_ONCE = 100

/** Whose sessions end. */
export type Owner = Pick<User, 'id' | 'username'>

/** Why, by whose request and when sessions end. */
export interface Ending {
  readonly reason: EndReason
  readonly origin: Origin
  /** Who ends them, where that is another user. */
  readonly actor?: Owner | undefined
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Whether `at` may be relied on. */
  readonly isSteady: boolean
  readonly accessTokenTtlSeconds: number
  /** Whether legacy tokens that were never used here go on, although all sessions end. */
  readonly sparesLegacyTokens?: boolean
}

export function endingNow({ config, clockWatch }: Core, origin: Origin, reason: EndReason, actor?: Owner): Ending {
  const { now, isSteady } = clockWatch.read()
  return { reason, origin, actor, at: now, isSteady, accessTokenTtlSeconds: config.accessTokenTtlSeconds }
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
 * Ends sessions of a user in a transaction, each with its event; with all, or all but one, also the legacy tokens that have become none. Of those that have ended the oldest are deleted, when they are too many.
 * One that has expired is left as it is. While the clock is not steady none counts as expired: it may only seem so.
 *
 * @returns how many were live until now
 */
export async function endSessions(handle: Handle, owner: Owner, which: Which, ending: Ending): Promise<number> {
  const { at, isSteady, reason, origin, actor, sparesLegacyTokens } = ending
  const line = expiryLine(isSteady ? at : 0, ending.accessTokenTtlSeconds)
  const [ended, recent] = await Promise.all([
    endRows(handle, owner.id, which, line, { at, reason }),
    recentOfUser(handle, at, owner.username, 'session_ended'),
    // Unused legacy tokens are as good as sessions of the user: they end with all of these, and with all others.
    !sparesLegacyTokens && (which === 'all' || 'except' in which) && noteRevocation(handle, owner.id, at),
  ])
  for (const [index, session] of ended.entries()) {
    const whose = { userId: owner.id, username: owner.username, sid: sidOf(session), ...(actor && { actor }) }
    const happening = { kind: 'session_ended', reason, ...whose } as const
    await recordOfUser(handle, at, origin, happening, index === 0 ? recent : undefined)
  }
  // Not while the clock is not steady, for then nobody knows which of them ended first.
  if (isSteady && ended.length > 0) await trimEndedSessions(handle, owner.id, ENDED_KEPT, Math.max(ended.length, TRIMMED_AT_ONCE))
  return ended.length
}

/**
 * Deletes the oldest of a user's sessions that have expired, when they are too many. Each began with a login, where this is called.
 *
 * @param notEnded how many sessions of the user are live or have expired
 */
export async function trimExpired(handle: Handle, { config }: Core, userId: number, now: number, notEnded: number): Promise<void> {
  const surplus = notEnded - (config.sessionsPerUser + EXPIRED_KEPT)
  if (surplus <= 0) return
  const line = expiryLine(now, config.accessTokenTtlSeconds)
  await trimExpiredSessions(handle, userId, line, Math.min(surplus, TRIMMED_AT_ONCE))
}
