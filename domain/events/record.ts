import { countEvent, type FreshEvent, insertEvent, type Repeated } from '../../db/auth-events.ts'
import type { Database, Handle } from '../../db/database.ts'
import type { EventKind } from '../../db/schema.ts'
import type { Clock } from '../clock.ts'

/** Where a request came from, as events and sessions keep it. */
export interface Origin {
  readonly address: string | null
  /** The `User-Agent`, cut short. */
  readonly client: string | null
  readonly requestId: string | null
}

/** Nobody's request: the service itself, or the operator's command. */
export const noOrigin: Origin = { address: null, client: null, requestId: null }

/** What happened to whom. Never a secret. */
export interface Happening {
  readonly kind: EventKind
  readonly reason?: string
  readonly userId?: number
  readonly username?: string
  readonly sessionId?: number
  /** The `kid` of a key or the id of a client. */
  readonly subject?: string
}

/** Records an event in the transaction that makes it true. `at` in milliseconds since the epoch. */
export async function recordEvent(handle: Handle, at: number, origin: Origin, happening: Happening): Promise<void> {
  await insertEvent(handle, eventOf(at, origin, happening))
}

/** Longer names are nobody's. In UTF-16 units. */
const NAME_LENGTH_LIMIT = 200

function eventOf(at: number, origin: Origin, happening: Happening): Required<FreshEvent> {
  return {
    at,
    kind: happening.kind,
    reason: happening.reason ?? null,
    user_id: happening.userId ?? null,
    username: happening.username?.slice(0, NAME_LENGTH_LIMIT).toWellFormed().replaceAll('\0', '\ufffd') ?? null,
    session_id: happening.sessionId ?? null,
    subject: happening.subject ?? null,
    address: origin.address,
    client: origin.client,
    request_id: origin.requestId,
  }
}

/** Refusals of the same kind, reason, name and address within so long are one row. */
const SAME_WITHIN_MS = 60_000
const FLUSH_AFTER_MS = 500
/** So many different refusals are written a minute; the others are counted under no name, and no address. */
const DIFFERENT_A_MINUTE = 300

/**
 * Records refused requests: in the background, for they are answered without a write, and counted, so that nobody
 * can fill the disk with them.
 */
export class Refusals {
  readonly #db: Database
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  #waiting = new Map<string, Repeated>()
  #timer: NodeJS.Timeout | undefined
  #minute = 0
  #seen = new Set<string>()

  /** @param onError told when refusals could not be written; they are lost then */
  constructor(db: Database, clock: Clock, onError: (error: unknown) => void) {
    this.#db = db
    this.#clock = clock
    this.#onError = onError
  }

  /** Notes a refusal; it is written within half a second. */
  note(origin: Origin, happening: Happening): void {
    const event = this.#bounded(eventOf(this.#clock(), origin, happening))
    const key = keyOf(event)
    const before = this.#waiting.get(key)
    this.#waiting.set(key, { event: before?.event ?? event, lastAt: event.at, count: (before?.count ?? 0) + 1 })
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_AFTER_MS).unref()
  }

  /** Writes what is noted. Resolves when it is written, or given up. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const repeated = [...this.#waiting.values()]
    this.#waiting = new Map()
    if (repeated.length === 0) return
    try {
      await this.#db.write(async (handle) => {
        for (const one of repeated) await countEvent(handle, one, one.lastAt - SAME_WITHIN_MS)
      })
    } catch (error) {
      this.#onError(error)
    }
  }

  /** The event, or what is left of it when there are too many different ones this minute. */
  #bounded(event: Required<FreshEvent>): Required<FreshEvent> {
    const minute = Math.floor(event.at / SAME_WITHIN_MS)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#seen = new Set()
    }
    const key = keyOf(event)
    if (this.#seen.has(key)) return event
    if (this.#seen.size >= DIFFERENT_A_MINUTE) {
      return { ...event, user_id: null, username: null, session_id: null, address: null, client: null, request_id: null }
    }
    this.#seen.add(key)
    return event
  }
}

function keyOf({ kind, reason, username, address }: Required<FreshEvent>): string {
  return JSON.stringify([kind, reason, username, address])
}
