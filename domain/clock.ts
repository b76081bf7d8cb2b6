/**
 * Milliseconds: of the time of day, since the epoch; or of a monotonic clock, since any instant. An option of the app, so that tests
 * need not wait.
 */
export type Clock = () => number

/**
 * How far the clocks of several processes may be apart, or one clock be corrected, without consequence, in milliseconds. An
 * instant in the database that is further ahead was written while a clock was wrong.
 */
export const CLOCKS_DIFFER_MS = 60_000

/** How long the clock must have gone on steadily after a jump before it is trusted again, in milliseconds. */
export const STEADY_AFTER_MS = 600_000

/** Whole seconds, as tokens count them. */
export function toSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000)
}

/** A time in ISO 8601, in UTC. */
export function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}

/** RFC 3339: a date, or a date and time with its offset. */
const INSTANT = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/

/** A date (its beginning in UTC), or a time in ISO 8601 with its offset, in milliseconds since the epoch. @returns undefined for anything else */
export function parseInstant(text: string): number | undefined {
  const [, date] = INSTANT.exec(text) ?? []
  const instant = Date.parse(text)
  return date === undefined || Number.isNaN(instant) || !isDate(date) ? undefined : instant
}

/** JavaScript takes the 30th of February for the 2nd of March. */
function isDate(date: string): boolean {
  const midnight = Date.parse(`${date}T00:00:00Z`)
  return !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(date)
}

/** The clocks of this machine, for what works on the database beside a service. */
export function systemClock(): { readonly clock: Clock; readonly clockWatch: ClockWatch } {
  return { clock: Date.now, clockWatch: new ClockWatch(Date.now, () => performance.now()) }
}

/** What time it is, and whether that may be relied on for what cannot be undone. */
export interface Reading {
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly isSteady: boolean
}

/**
 * What has become of the clock: it `jumped` and is not relied on, or is relied on again, `movedMs` (less than 0 for back) from
 * where it would be without the jumps.
 */
export interface ClockChange {
  readonly kind: 'jumped' | 'steady'
  readonly movedMs: number
}

/**
 * Watches the time of day for jumps, by a monotonic clock: a virtual machine, a time server or an operator can set it to another
 * day for some seconds, and what is ended for good in that time stays ended. The clock is steady until it has moved by more
 * than a minute against the monotonic one, and again when it has stayed at its new offset for ten minutes; a further jump, also
 * back, begins these anew. A machine that sleeps, where the monotonic clock stands still, is such a jump.
 *
 * It looks only when it is asked. A process that starts while the clock is wrong cannot notice.
 */
export class ClockWatch {
  readonly #clock: Clock
  readonly #monotonic: Clock
  readonly #onChange: (change: ClockChange) => void
  /** How far the clock was ahead of the monotonic one when it was steady last. */
  #steadyOffset: number
  /** The last jump: the offset since then, and when it was seen, by the monotonic clock. */
  #jump: { readonly offset: number; readonly at: number } | undefined

  /** @param onChange called with the first jump of several, and when the clock is steady again */
  constructor(clock: Clock, monotonic: Clock, onChange: (change: ClockChange) => void = () => {}) {
    this.#clock = clock
    this.#monotonic = monotonic
    this.#onChange = onChange
    this.#steadyOffset = clock() - monotonic()
  }

  get isSteady(): boolean {
    return this.read().isSteady
  }

  /** Reads the clock once, so that `isSteady` is true of this very instant: between two readings it may have jumped and come back. */
  read(): Reading {
    const now = this.#clock()
    this.#look(now, this.#monotonic())
    return { now, isSteady: this.#jump === undefined }
  }

  #look(now: number, elapsed: number): void {
    const offset = now - elapsed
    const expected = this.#jump?.offset ?? this.#steadyOffset
    if (Math.abs(offset - expected) > CLOCKS_DIFFER_MS) this.#noteJump(offset, elapsed)
    else if (this.#jump === undefined) this.#steadyOffset = offset
    else if (elapsed - this.#jump.at >= STEADY_AFTER_MS) this.#goOn(offset)
  }

  #noteJump(offset: number, at: number): void {
    const isFirst = this.#jump === undefined
    this.#jump = { offset, at }
    if (isFirst) this.#onChange({ kind: 'jumped', movedMs: offset - this.#steadyOffset })
  }

  #goOn(offset: number): void {
    const movedMs = offset - this.#steadyOffset
    this.#jump = undefined
    this.#steadyOffset = offset
    this.#onChange({ kind: 'steady', movedMs })
  }
}
