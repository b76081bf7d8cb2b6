import { type ExpiredSession, type ExpiryLine, expiryLine, hasExpired, listExpiredSessions } from '../../db/expired-sessions.ts'
import type { AuthEvent } from '../../db/schema.ts'
import type { Core } from '../context.ts'
import { followEvents } from '../events/follow.ts'
import { eventOf, noOrigin } from '../events/record.ts'
import { findEvents, type Search } from '../events/search.ts'
import { sidOf } from './sid.ts'

/** An event, or the expiry of a session, which has no row of its own among the events and so no id. */
export type Happened = Omit<AuthEvent, 'id'> & { readonly id: number | null }

/** Expiries that one look finds at most. */
const EXPIRIES_LIMIT = 10_000

/** What happened and is sought, newest first: the events, and among them the expiries of the sessions that are still kept. */
export async function listHistory(core: Core, search: Search): Promise<Happened[]> {
  const events: Happened[] = await findEvents(core.db.read, search)
  const expired = await expiriesOf(core, search, lineOf(core))
  return [...events, ...expired.map(toHappened)].sort((one, other) => other.at - one.at).slice(0, search.limit)
}

/**
 * The newest of what happened, oldest first, and then what comes, as it comes: see `followEvents`. The expiry of a session comes when the
 * last access token of it has expired, which is later than the time that it has.
 */
export async function* followHistory(
  core: Core,
  search: Search,
  pause: () => Promise<boolean>,
  elapsed: () => number,
): AsyncGenerator<Happened> {
  let line: ExpiryLine | undefined
  for await (const events of followEvents(core.db.read, search, pause, elapsed)) {
    const now = lineOf(core)
    const expired = line === undefined ? await expiriesOf(core, search, now) : await expiredSince(core, search, line, now)
    const all: Happened[] = [...expired.map(toHappened), ...events]
    yield* all.sort((one, other) => one.at - other.at).slice(line === undefined ? -search.limit : 0)
    line = now
  }
}

/** The sessions that have expired since the look before. */
async function expiredSince(core: Core, search: Search, before: ExpiryLine, now: ExpiryLine): Promise<ExpiredSession[]> {
  const since = Math.max(before.idleSince * 1000, search.since ?? 0)
  const expired = await expiriesOf(core, { ...search, since, limit: EXPIRIES_LIMIT }, now)
  return expired.filter((session) => !hasExpired(session, before))
}

/** None where something is sought that an expiry has not, such as an address. */
async function expiriesOf({ db }: Core, search: Search, line: ExpiryLine): Promise<ExpiredSession[]> {
  const { username, kinds, addresses, range, since, until, limit } = search
  if (addresses !== undefined || range !== undefined || kinds?.includes('session_ended') === false) return []
  return listExpiredSessions(db.read, { ...line, username, since, until, limit })
}

function lineOf({ clock, config }: Core): ExpiryLine {
  return expiryLine(clock(), config.accessTokenTtlSeconds)
}

function toHappened(session: ExpiredSession): Happened {
  const { at, user_id: userId, username } = session
  const event = eventOf(at, noOrigin, { kind: 'session_ended', reason: 'expired', userId, username, sid: sidOf(session) })
  return { id: null, ...event, last_at: at, count: 1 }
}
