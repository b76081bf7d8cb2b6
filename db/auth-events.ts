import type { Handle } from './database.ts'
import { hot } from './hot.ts'
import type { AuthEvent, NewAuthEvent } from './schema.ts'
import { takeTurn } from './turns.ts'

/** An event when it happens: it has happened once. */
export type FreshEvent = Omit<NewAuthEvent, 'id' | 'last_at' | 'count'>

const insert = hot((db, value: Required<FreshEvent>) =>
  db.insertInto('auth_events').values({
    at: value.at,
    last_at: value.at,
    kind: value.kind,
    reason: value.reason,
    user_id: value.user_id,
    username: value.username,
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
  await insert(db, event)
}

/** An event that happened `count` times: first at `event.at`, last at `lastAt`, both in milliseconds since the epoch. */
export interface Repeated {
  readonly event: Required<FreshEvent>
  readonly lastAt: number
  readonly count: number
}

/**
 * Adds an event that was repeated to the count of the same event of less than `withinMs` before, or inserts it when there is none. Nor is it
 * added to one further in the future, of a time when the clock was wrong: it would be counted there until that day. Events are the same when
 * kind, reason, name and address are. Takes a turn: without it two processes would insert two rows.
 */
export async function countEvent(db: Handle, { event, lastAt, count }: Repeated, withinMs: number): Promise<void> {
  await takeTurn(db, 'refusals')
  const { kind, reason, username, address } = event
  const same = await db
    .selectFrom('auth_events')
    .select('id')
    .where('username', username === null ? 'is' : '=', username)
    .where('at', '>', lastAt - withinMs)
    .where('at', '<', lastAt + withinMs)
    .where('kind', '=', kind)
    .where('reason', reason === null ? 'is' : '=', reason)
    .where('address', address === null ? 'is' : '=', address)
    .limit(1)
    .executeTakeFirst()
  if (same === undefined)
    return void (await db
      .insertInto('auth_events')
      .values({ ...event, last_at: lastAt, count })
      .execute())
  await db
    .updateTable('auth_events')
    .set((eb) => ({ count: eb('count', '+', count), last_at: lastAt }))
    .where('id', '=', same.id)
    .execute()
}

/** The newest events, newest first; with `username` only those of this name. */
export async function listEvents(db: Handle, { username, limit }: { username?: string; limit: number }): Promise<AuthEvent[]> {
  const all = db.selectFrom('auth_events').selectAll().orderBy('at', 'desc').orderBy('id', 'desc').limit(limit)
  return (username === undefined ? all : all.where('username', '=', username)).execute()
}

/** Deletes at most `limit` events older than `before` (milliseconds since the epoch); resolves to how many. */
export async function deleteEventsBefore(db: Handle, before: number, limit: number): Promise<number> {
  const old = db.selectFrom('auth_events').select('id').where('at', '<', before).orderBy('at').limit(limit)
  const { numDeletedRows } = await db.deleteFrom('auth_events').where('id', 'in', old).executeTakeFirst()
  return Number(numDeletedRows)
}
