import { listEvents } from '../../db/auth-events.ts'
import { type ExpiredSession, expiryLine, listExpiredSessions } from '../../db/expired-sessions.ts'
import type { AuthEvent } from '../../db/schema.ts'
import type { Core } from '../context.ts'
import { eventOf, noOrigin } from '../events/record.ts'
import { sidOf } from './sid.ts'

/** An event, or the expiry of a session, which has no row of its own among the events and so no id. */
export type Happened = Omit<AuthEvent, 'id'> & { readonly id: number | null }

/**
 * What happened, newest first: the events, and among them the expiries of the sessions that are still kept.
 *
 * @param wanted which events, as `listEvents` takes it, and how many of all at most
 */
export async function listHistory({ db, clock, config }: Core, wanted: Parameters<typeof listEvents>[1]): Promise<Happened[]> {
  const { username, limit } = wanted
  const events: Happened[] = await listEvents(db.read, wanted)
  const expired = await listExpiredSessions(db.read, { ...expiryLine(clock(), config.accessTokenTtlSeconds), username, limit })
  return [...events, ...expired.map(toHappened)].sort((one, other) => other.at - one.at).slice(0, limit)
}

function toHappened(session: ExpiredSession): Happened {
  const { at, user_id: userId, username } = session
  const event = eventOf(at, noOrigin, { kind: 'session_ended', reason: 'expired', userId, username, sid: sidOf(session) })
  return { id: null, ...event, last_at: at, count: 1 }
}
