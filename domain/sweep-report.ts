import type { Clock } from './clock.ts'

interface Log {
  info(details: object, message: string): void
}

/** A sweep that is over before this is not worth a line. */
const SILENT_MS = 1000
const EVERY_MS = 10_000

/** Logs how far a sweep is that takes long: after a second, every ten seconds from then on, and at its end. */
export class SweepReport {
  readonly #log: Log
  readonly #monotonic: Clock
  readonly #began: number
  readonly #deleted = new Map<string, number>()
  #nextAt: number

  /** @param monotonic a clock that nobody sets, in milliseconds */
  constructor(log: Log, monotonic: Clock) {
    this.#log = log
    this.#monotonic = monotonic
    this.#began = monotonic()
    this.#nextAt = this.#began + SILENT_MS
  }

  /** Notes that so many rows of some kind were deleted, and tells of it when it is time. */
  note(what: string, rows: number): void {
    const count = (this.#deleted.get(what) ?? 0) + rows
    this.#deleted.set(what, count)
    if (this.#monotonic() < this.#nextAt) return
    this.#nextAt = this.#monotonic() + EVERY_MS
    this.#log.info({ deleted: count }, `sweeping: ${count} ${what} deleted so far`)
  }

  /** Tells of the end of a sweep that took long. */
  end(): void {
    const ms = Math.round(this.#monotonic() - this.#began)
    if (ms < SILENT_MS) return
    const counts = [...this.#deleted].filter(([, rows]) => rows > 0).map(([what, rows]) => `${rows} ${what}`)
    const deleted = [...this.#deleted.values()].reduce((sum, rows) => sum + rows, 0)
    this.#log.info({ deleted, ms }, `swept in ${Math.round(ms / 1000)} seconds: ${counts.join(', ') || 'nothing'} deleted`)
  }
}
