import { countEvents, type Repeated } from '../../db/auth-events.ts'
import type { Handle } from '../../db/database.ts'
import type { Core } from '../context.ts'
import { hashOfName, type KeyedHash } from '../keyed-hash.ts'
import { findUserNamed } from '../names.ts'
import { isStorable } from '../text.ts'
import { isOfManyNames, keyOf, nameless, Places } from './places.ts'
import { eventOf, type Happening, NAME_BYTES, type Origin } from './record.ts'

/** Refusals of the same kind, reason, name and address within this time are one row with a count. */
const SAME_WITHIN_MS = 60_000
const FLUSH_AFTER_MS = 500
/** Rows that wait to be written. More cannot come within half a second where a wrong password costs what it should. */
const WAITING_LIMIT = 1000

type RefusalCore = Pick<Core, 'db' | 'clock'> & { readonly keyedHash: KeyedHash }

/** A refusal that waits to be written, and the name that was typed, while it is not known whether it is a user's. */
interface Waiting extends Repeated {
  readonly typed: string | undefined
}

/**
 * Records refused requests as events. In the background, because a refusal is answered without a write; and counted, so that
 * refused requests cannot fill the disk. Of a name that is no user's the hash is kept and nothing else: it may be a password.
 */
export class Refusals {
  readonly #core: RefusalCore
  readonly #onError: (error: unknown) => void
  readonly #places = new Places()
  #waiting = new Map<string, Waiting>()
  #timer: NodeJS.Timeout | undefined
  #written: Promise<void> = Promise.resolve()
  #lost = 0

  /** @param onError called when refusals could not be written; they are lost then */
  constructor(core: RefusalCore, onError: (error: unknown) => void) {
    this.#core = core
    this.#onError = onError
  }

  /** Rows that wait to be written, and rows that could not be written since the start. */
  get stats(): { readonly waiting: number; readonly lost: number } {
    return { waiting: this.#waiting.size, lost: this.#lost }
  }

  /** Notes a refusal; it is written within half a second. A `username` without a `userId` is a name as it was typed. */
  note(origin: Origin, happening: Happening): void {
    const { username, ...unnamed } = happening
    if (username === undefined || happening.userId !== undefined) this.#note(origin, happening)
    else this.#note(origin, { ...unnamed, nameHash: hashOfName(this.#core.keyedHash, username) }, username)
  }

  /** Writes all refusals that were noted. Resolves when they are written, or lost. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    // One after the other: while the database does not answer, no more than one lot is in memory beside the one that is noted.
    this.#written = this.#written.then(() => this.#write())
    return this.#written
  }

  #note(origin: Origin, happening: Happening, typed?: string): void {
    const placed = this.#places.place(eventOf(this.#core.clock(), origin, happening))
    const isFull = this.#waiting.size >= WAITING_LIMIT && !this.#waiting.has(keyOf(placed))
    const event = isFull ? nameless(placed) : placed
    const waiting = { event, lastAt: event.at, count: 1, typed: mayBeOfUser(event, typed) ? typed : undefined }
    const key = keyOf(event)
    this.#waiting.set(key, added(this.#waiting.get(key), waiting))
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_AFTER_MS).unref()
  }

  async #write(): Promise<void> {
    const refusals = [...this.#waiting.values()]
    this.#waiting = new Map()
    if (refusals.length === 0) return
    try {
      const { db } = this.#core
      const rows = withoutRepetitions(await Promise.all(refusals.map((refusal) => named(db.read, refusal))))
      await db.write((handle) => countEvents(handle, rows, SAME_WITHIN_MS, isOfManyNames))
    } catch (error) {
      this.#lost += refusals.length
      this.#onError(error)
    }
  }
}

/** What is refused by a limit is refused before its user is looked up. Only a name that can be a user's is kept in memory for that. */
function mayBeOfUser(event: Repeated['event'], typed = ''): boolean {
  return event.name_hash !== null && isOfManyNames(event) && isStorable(typed) && Buffer.byteLength(typed) <= NAME_BYTES
}

/** A refusal with one more of its row. The row keeps the name as long as all have the same. */
function added(before: Waiting | undefined, one: Waiting): Waiting {
  if (before === undefined) return one
  const count = before.count + one.count
  if (before.event.name_hash === one.event.name_hash) return { ...before, lastAt: one.lastAt, count }
  return { event: { ...before.event, name_hash: null }, lastAt: one.lastAt, count, typed: undefined }
}

/** The refusal with the name of a user in place of its hash, where it is one. */
async function named(handle: Handle, { typed, ...refusal }: Waiting): Promise<Waiting> {
  const user = typed === undefined ? undefined : await findUserNamed(handle, typed)
  const event = user === undefined ? refusal.event : { ...refusal.event, username: user.username, name_hash: null }
  return { ...refusal, event, typed: undefined }
}

/** Two names that were typed may be those of one user. */
function withoutRepetitions(refusals: readonly Waiting[]): Waiting[] {
  const rows = new Map<string, Waiting>()
  for (const refusal of refusals) rows.set(keyOf(refusal.event), added(rows.get(keyOf(refusal.event)), refusal))
  return [...rows.values()]
}
