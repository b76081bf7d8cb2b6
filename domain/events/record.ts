import { type FreshEvent, insertEvent } from '../../db/auth-events.ts'
import type { Handle } from '../../db/database.ts'
import type { EventKind, User } from '../../db/schema.ts'

/** Where a request came from, as events and sessions keep it. */
export interface Origin {
  readonly address: string | null
  /** The `User-Agent`, cut short. */
  readonly client: string | null
  readonly requestId: string | null
}

/** What the service does by itself, or the operator by a command, comes from no request. */
export const noOrigin: Origin = { address: null, client: null, requestId: null }

/** What happened, and to whom. Never a secret. */
export interface Happening {
  readonly kind: EventKind
  readonly reason?: string
  readonly userId?: number
  readonly username?: string
  readonly sid?: string
  /** The `kid` of a key or the id of a client. */
  readonly subject?: string
  /** Who did it, where that is another user than the one it happened to. */
  readonly actor?: Pick<User, 'id' | 'username'>
}

/** Records an event in the transaction that makes it true. `at` in milliseconds since the epoch. */
export async function recordEvent(handle: Handle, at: number, origin: Origin, happening: Happening): Promise<void> {
  await insertEvent(handle, eventOf(at, origin, happening))
}

/** In UTF-16 units. No user has a longer name: what was typed into a failed login is cut here. */
const NAME_LENGTH_LIMIT = 200

/** The row of an event. */
export function eventOf(at: number, origin: Origin, happening: Happening): Required<FreshEvent> {
  return {
    at,
    kind: happening.kind,
    reason: happening.reason ?? null,
    user_id: happening.userId ?? null,
    username: happening.username?.slice(0, NAME_LENGTH_LIMIT).toWellFormed().replaceAll('\0', '\ufffd') ?? null,
    session_id: happening.sid ?? null,
    subject: happening.subject ?? null,
    actor_id: happening.actor?.id ?? null,
    actor_name: happening.actor?.username ?? null,
    address: origin.address,
    client: origin.client,
    request_id: origin.requestId,
  }
}
