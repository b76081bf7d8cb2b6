import { type FreshEvent, insertEvent } from '../../db/auth-events.ts'
import type { Handle } from '../../db/database.ts'
import type { EventKind, User } from '../../db/schema.ts'
import { cut } from '../text.ts'

/** Where a request came from. */
export interface Origin {
  readonly address: string | null
  /** The `User-Agent`, as it was sent. Node's parser refuses control characters in headers, so it can be stored and printed. */
  readonly client: string | null
  readonly requestId: string | null
  /**
   * Whether the address is that of a proxy that is not trusted to say whom it asks for: nobody knows who shares it, so it says nothing of a
   * user, and is remembered for none.
   */
  readonly isShared: boolean
}

/** What the service does by itself, or the operator by a command, comes from no request. */
export const noOrigin: Origin = { address: null, client: null, requestId: null, isShared: false }

/** What happened, and to whom. Never a secret. */
export interface Happening {
  readonly kind: EventKind
  readonly reason?: string
  readonly userId?: number
  /** Of a user. Of a name that was typed `Refusals` keeps no more than its hash. */
  readonly username?: string
  readonly nameHash?: string
  readonly sid?: string
  /** The `kid` of a key, the id of a client, or the name of a user before the user was renamed. */
  readonly subject?: string
  /** Who did it, where that is another user than the one it happened to. */
  readonly actor?: Pick<User, 'id' | 'username'>
}

/** Records an event in the transaction that makes it true. `at` in milliseconds since the epoch. */
export async function recordEvent(handle: Handle, at: number, origin: Origin, happening: Happening): Promise<void> {
  await insertEvent(handle, eventOf(at, origin, happening))
}

/** What events and sessions keep of a `User-Agent`, in bytes of UTF-8: browsers send less, and nobody fills the database with more. */
const CLIENT_BYTES = 200
/** What events keep of a name, in bytes of UTF-8: 200 characters, which no name of a user exceeds, have no more. */
export const NAME_BYTES = 800

/** The `User-Agent` of a request as it is kept; null when there is none. */
export function clientOf({ client }: Origin): string | null {
  return client === null ? null : cut(client, CLIENT_BYTES)
}

/** The row of an event. */
export function eventOf(at: number, origin: Origin, happening: Happening): Required<FreshEvent> {
  return {
    at,
    kind: happening.kind,
    reason: happening.reason ?? null,
    user_id: happening.userId ?? null,
    username: happening.username === undefined ? null : cut(happening.username, NAME_BYTES),
    name_hash: happening.nameHash ?? null,
    session_id: happening.sid ?? null,
    subject: happening.subject === undefined ? null : cut(happening.subject, NAME_BYTES),
    actor_id: happening.actor?.id ?? null,
    actor_name: happening.actor?.username ?? null,
    address: origin.address,
    client: clientOf(origin),
    request_id: origin.requestId,
  }
}
