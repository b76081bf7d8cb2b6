import { sql } from 'kysely'
import type { Handle } from './database.ts'
import { hot } from './hot.ts'
import type { AuthEvent, EventKind, NewAuthEvent } from './schema.ts'
import { takeTurns, unlocked } from './turns.ts'

/** An event when it happens: it has happened once. */
export type FreshEvent = Omit<NewAuthEvent, 'id' | 'last_at' | 'count'>

/** An event that happened `count` times: first at `event.at`, last at `lastAt`, both in milliseconds since the epoch. */
export interface Repeated {
  readonly event: Required<FreshEvent>
  readonly lastAt: number
  readonly count: number
}

const insert = hot((db, value: Required<FreshEvent> & { lastAt: number; count: number }) =>
  db.insertInto('auth_events').values({
    at: value.at,
    last_at: value.lastAt,
    count: value.count,
    kind: value.kind,
    reason: value.reason,
    user_id: value.user_id,
    username: value.username,
    name_hash: value.name_hash,
    session_id: value.session_id,
    subject: value.subject,
    actor_id: value.actor_id,
    actor_name: value.actor_name,
    address: value.address,
    client: value.client,
    request_id: value.request_id,
  }),
)

/** Adds an event. */
export async function insertEvent(db: Handle, event: Required<FreshEvent>): Promise<void> {
  await insert(db, { ...event, lastAt: event.at, count: 1 })
}

const addCount = hot((db, value: { id: number; lastAt: number; count: number }) =>
  db
    .updateTable('auth_events')
    .set((eb) => ({ count: eb('count', '+', value.count), last_at: value.lastAt }))
    .where('id', '=', value.id),
)

/** Adds `count` to an event that happened again, the last time at `lastAt` (milliseconds since the epoch). */
export async function addToEvent(db: Handle, id: number, lastAt: number, count: number): Promise<void> {
  await addCount(db, { id, lastAt, count })
}

interface Sought extends Pick<Required<FreshEvent>, 'kind' | 'reason' | 'username' | 'address'> {
  readonly after: number
  readonly before: number
}

// `is not distinct from` is `=`, but null is the same as null.
const ofUser = hot((db, value: Sought) => seek(db, value).where('username', 'is not distinct from', value.username))

/** This condition is the one of the index on the address. */
const ofNobody = hot((db, value: Sought) => seek(db, value).where('user_id', 'is', null))

function seek(db: Handle, value: Sought) {
  return db
    .selectFrom('auth_events')
    .select(['id', 'username', 'name_hash'])
    .where('address', 'is not distinct from', value.address)
    .where('at', '>', value.after)
    .where('at', '<', value.before)
    .where('kind', '=', value.kind)
    .where('reason', 'is not distinct from', value.reason)
}

/**
 * Adds each event that was repeated to the count of the same event of less than `withinMs` before, or inserts it when there is none. Nor is it
 * added to one further in the future, of a time when the clock was wrong: it would be counted there until that day. Events are the same when
 * kind, reason, name and address are; no two of those that are given may be. Takes a turn: without it two processes would insert two rows.
 *
 * @param isOfManyNames whether they are the same whatever their names are; the row keeps a name as long as all have this one
 */
export async function countEvents(
  db: Handle,
  repeated: readonly Repeated[],
  withinMs: number,
  isOfManyNames: (event: Repeated['event']) => boolean,
): Promise<void> {
  await takeTurns(db, 'refusals')
  const found = await Promise.all(repeated.map((one) => findAlike(db, one, withinMs)))
  for (const [index, { event, lastAt, count }] of repeated.entries()) {
    const same = found[index]?.find((row) => isOfManyNames(event) || isOfSameName(row, event))
    if (same === undefined) await insert(db, { ...event, lastAt, count })
    else await addToEvent(db, same.id, lastAt, count)
    if (same !== undefined && !isOfSameName(same, event)) await forgetName(db, { id: same.id })
  }
}

async function findAlike(db: Handle, { event, lastAt }: Repeated, withinMs: number): Promise<(Named & { readonly id: number })[]> {
  const { kind, reason, username, address } = event
  const sought = { kind, reason, username, address, after: lastAt - withinMs, before: lastAt + withinMs }
  return (await (event.user_id === null ? ofNobody : ofUser)(db, sought)).rows
}

type Named = Pick<Required<FreshEvent>, 'username' | 'name_hash'>

function isOfSameName(one: Named, other: Named): boolean {
  return one.username === other.username && one.name_hash === other.name_hash
}

const forgetName = hot((db, value: { id: number }) =>
  db.updateTable('auth_events').set({ username: null, name_hash: null }).where('id', '=', value.id),
)

/** What tells the events of one user and kind apart. */
export type RecentEvent = Pick<AuthEvent, 'id' | 'reason' | 'session_id' | 'address' | 'client'>

/** In the query as it stands: SQLite prepares one with a limit that each run brings again at each. */
const RECENT_LIMIT = 64

const recent = hot((db, value: { username: string; kind: EventKind; after: number; before: number }) =>
  db
    .selectFrom('auth_events')
    .select(['id', 'reason', 'session_id', 'address', 'client'])
    .where('username', '=', value.username)
    .where('at', '>', value.after)
    .where('at', '<', value.before)
    .where('kind', '=', value.kind)
    .limit(sql.lit(RECENT_LIMIT)),
)

/** The events of a user and kind between two instants in milliseconds since the epoch; at most 64. */
export async function listRecentEvents(
  db: Handle,
  of: { readonly username: string; readonly kind: EventKind; readonly after: number; readonly before: number },
): Promise<RecentEvent[]> {
  return (await recent(db, of)).rows
}

/** Which events are listed: those for which all that is given holds. */
export interface EventFilters {
  /** Only the events of this name: of its user, and with its hash as `nameHash` also those of the time when it was no user's. */
  readonly username?: string
  readonly nameHash?: string
  /** Only the events of the user with this id. */
  readonly userId?: number
  readonly kinds?: readonly EventKind[]
  /** The same of one kind, where nothing else leads to fewer events: they are found by the index of the kind. */
  readonly ofKind?: EventKind
  /** Only the events with one of these addresses, as they are kept. */
  readonly addresses?: readonly string[]
  /** Only what began from this instant on, and before that one (milliseconds since the epoch). */
  readonly since?: number
  readonly until?: number
  /** Only what is listed after this event. */
  readonly below?: Pick<AuthEvent, 'at' | 'id'>
  readonly limit: number
}

/**
 * The newest events, newest first. The index on the time is read backwards, or that of the name, of the user's id or of `ofKind`: what has none
 * of these and no `since` may have to read all events before it has found `limit`.
 */
export async function listEvents(db: Handle, { below, ...filters }: EventFilters): Promise<AuthEvent[]> {
  const newest = filtered(db, filters).orderBy('at', 'desc').orderBy('id', 'desc')
  if (below === undefined) return newest.execute()
  const { at, id } = below
  return newest
    .where('at', '<=', at)
    .where((where) => where.or([where('at', '<', at), where('id', '<', id)]))
    .execute()
}

/** The events with an id above this one, by id. */
export async function listEventsAfter(db: Handle, id: number, filters: Omit<EventFilters, 'below'>): Promise<AuthEvent[]> {
  return filtered(db, filters).where('id', '>', id).orderBy('id').execute()
}

function filtered(db: Handle, { username, nameHash, userId, ofKind, kinds, addresses, since, until, limit }: EventFilters) {
  return db
    .selectFrom('auth_events')
    .selectAll()
    .limit(limit)
    .$if(username !== undefined, (query) =>
      query.where((where) => where.or([where('username', '=', username as string), where('name_hash', '=', nameHash ?? null)])),
    )
    .$if(userId !== undefined, (query) => query.where('user_id', '=', userId as number))
    .$if(ofKind !== undefined, (query) => query.where(sql`(kind || '')`, '=', ofKind as EventKind))
    .$if(kinds !== undefined, (query) => query.where('kind', 'in', kinds as EventKind[]))
    .$if(addresses !== undefined, (query) => query.where('address', 'in', addresses as string[]))
    .$if(since !== undefined, (query) => query.where('at', '>=', since as number))
    .$if(until !== undefined, (query) => query.where('at', '<', until as number))
}

/** The id of the event that was added last; 0 when there is none. */
export async function newestEventId(db: Handle): Promise<number> {
  const newest = await db.selectFrom('auth_events').select('id').orderBy('id', 'desc').limit(1).executeTakeFirst()
  return newest?.id ?? 0
}

/** Deletes at most `limit` events older than `before` (milliseconds since the epoch); resolves to how many. */
export async function deleteEventsBefore(db: Handle, before: number, limit: number): Promise<number> {
  const old = db.selectFrom('auth_events').select('id').where('at', '<', before).orderBy('at').limit(limit)
  const { numDeletedRows } = await db.deleteFrom('auth_events').where('id', 'in', unlocked(db, old)).executeTakeFirst()
  return Number(numDeletedRows)
}
