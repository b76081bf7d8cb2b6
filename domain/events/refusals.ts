import { countEvent, type FreshEvent, type Repeated } from '../../db/auth-events.ts'
import type { Core } from '../context.ts'
import { eventOf, type Happening, type Origin } from './record.ts'

/** Refusals of the same kind, reason, name and address within this time are one row with a count. */
const SAME_WITHIN_MS = 60_000
const FLUSH_AFTER_MS = 500
/** Different refusals that are written in a minute. Further ones are counted in a row without name and address. */
const DIFFERENT_A_MINUTE = 300

/**
 * Records refused requests as events. In the background, because a refusal is answered without a write; and counted, so that
 * refused requests cannot fill the disk.
 */
export class Refusals {
  readonly #core: Pick<Core, 'db' | 'clock'>
  readonly #onError: (error: unknown) => void
  #waiting = new Map<string, Repeated>()
  #timer: NodeJS.Timeout | undefined
  #minute = 0
  #seen = new Set<string>()
  #lost = 0

  /** @param onError called when refusals could not be written; they are lost then */
  constructor(core: Pick<Core, 'db' | 'clock'>, onError: (error: unknown) => void) {
    this.#core = core
    this.#onError = onError
  }

  /** Rows that wait to be written, and rows that could not be written since the start. */
  get stats(): { readonly waiting: number; readonly lost: number } {
    return { waiting: this.#waiting.size, lost: this.#lost }
  }

  /** Notes a refusal; it is written within half a second. */
  note(origin: Origin, happening: Happening): void {
    const event = this.#bounded(eventOf(this.#core.clock(), origin, happening))
    const key = keyOf(event)
    const before = this.#waiting.get(key)
    this.#waiting.set(key, { event: before?.event ?? event, lastAt: event.at, count: (before?.count ?? 0) + 1 })
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_AFTER_MS).unref()
  }

  /** Writes all refusals that were noted. Resolves when they are written, or lost. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const repeated = [...this.#waiting.values()]
    this.#waiting = new Map()
    if (repeated.length === 0) return
    try {
      await this.#core.db.write(async (handle) => {
        for (const one of repeated) await countEvent(handle, one, SAME_WITHIN_MS)
      })
    } catch (error) {
      this.#lost += repeated.length
      this.#onError(error)
    }
  }

  /** The event; without name and address when there have been too many different ones this minute. */
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
