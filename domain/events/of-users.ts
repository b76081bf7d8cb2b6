import { addToEvent, type FreshEvent, insertEvent, listRecentEvents, type RecentEvent } from '../../db/auth-events.ts'
import type { Handle } from '../../db/database.ts'
import type { EventKind } from '../../db/schema.ts'
import { networkOf } from '../address.ts'
import { cut } from '../text.ts'
import { eventOf, type Happening, NAME_BYTES, type Origin } from './record.ts'

/** Events of one user and kind that are the same within this time are one row with a count. */
const SAME_WITHIN_MS = 60_000
/** Rows of one user and kind within that time. */
const OF_ONE_USER = 10

/** What a user has done, or what has become of a session of the user. */
export interface UserHappening extends Happening {
  readonly userId: number
  readonly username: string
}

/**
 * Records, in the transaction that makes it true, what a user can make happen as often as the user likes. Logins, and the sessions that they
 * supersede, are one row with a count where they come from one network and client within a minute; the row has the session of the first. Of
 * more than 10 rows a minute of a kind, the rest is counted in one without session, address and client.
 *
 * The user is locked: of two that happen at once, one counts the other.
 *
 * @param at milliseconds since the epoch
 * @param known what `recentOfUser` has found, where that has been asked
 */
export async function recordOfUser(
  handle: Handle,
  at: number,
  origin: Origin,
  happening: UserHappening,
  known?: readonly RecentEvent[],
): Promise<void> {
  const event = eventOf(at, origin, happening)
  const recent = known ?? (await recentOfUser(handle, at, happening.username, event.kind))
  const isMany = recent.length >= OF_ONE_USER
  const same = recent.find((row) => isRepeated(row, event)) ?? (isMany ? recent.find((row) => isRest(row, event)) : undefined)
  if (same !== undefined) return addToEvent(handle, same.id, at, 1)
  await insertEvent(handle, isMany ? { ...event, session_id: null, address: null, client: null, request_id: null } : event)
}

/** What of the same kind a user has made happen just now, for `recordOfUser`. */
export async function recentOfUser(handle: Handle, at: number, username: string, kind: EventKind): Promise<RecentEvent[]> {
  const of = { username: cut(username, NAME_BYTES), kind }
  return listRecentEvents(handle, { ...of, after: at - SAME_WITHIN_MS, before: at + SAME_WITHIN_MS })
}

function isRepeated(row: RecentEvent, event: Required<FreshEvent>): boolean {
  const isFolded = event.kind === 'login' || event.reason === 'superseded'
  return isFolded && row.session_id !== null && row.reason === event.reason && row.client === event.client && isNear(row, event)
}

function isNear({ address }: RecentEvent, event: Required<FreshEvent>): boolean {
  return networkOf(address ?? '') === networkOf(event.address ?? '')
}

function isRest(row: RecentEvent, event: Required<FreshEvent>): boolean {
  return row.session_id === null && row.reason === event.reason
}
