import type { Handle } from '../../db/database.ts'
import type { EndReason, User } from '../../db/schema.ts'
import { type Expired, endSessions as endRows, expireSession, findExpiredOf, type Which } from '../../db/session-ends.ts'
import { noOrigin, type Origin, recordEvent } from '../events/record.ts'

/** Whose sessions end. */
export type Owner = Pick<User, 'id' | 'username'>

export interface Ending {
  readonly reason: EndReason
  readonly origin: Origin
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly accessTokenTtlSeconds: number
}

/**
 * Ends sessions of a user in a transaction, each with its event.
 *
 * @returns how many were live until now; those that had expired are marked so, whatever the reason
 */
export async function endSessions(handle: Handle, owner: Owner, which: Which, ending: Ending): Promise<number> {
  const { at, reason, origin } = ending
  await expire(handle, await findExpiredOf(handle, owner.id, at, ending.accessTokenTtlSeconds))
  const ids = await endRows(handle, owner.id, which, at, reason)
  for (const sessionId of ids) {
    await recordEvent(handle, at, origin, { kind: 'session_ended', reason, userId: owner.id, username: owner.username, sessionId })
  }
  return ids.length
}

/** Marks sessions as expired, each with its event, at the instant when that was. */
export async function expire(handle: Handle, sessions: readonly Expired[]): Promise<void> {
  for (const session of sessions) {
    const { id: sessionId, userId, username, at } = session
    await expireSession(handle, session)
    await recordEvent(handle, at, noOrigin, { kind: 'session_ended', reason: 'expired', userId, username, sessionId })
  }
}
