import { setTimeout as sleep } from 'node:timers/promises'
import type { Shares } from '../address.ts'
import { FairQueue } from '../fair-queue.ts'
import { SharedPlaces } from '../shared-places.ts'

/** In real time, not by the service's clock: the outcome of other attempts is waited for. */
const ASK_AGAIN_MS = 50
const PATIENCE_MS = 15_000
/** Each waiting attempt holds a request open; the first of a line also reads a few rows each time it asks. */
const LONGEST_LINE = 250
const MOST_WAITING = 1000

/**
 * A line for each thing that is waited for: the first in it asks again and again, the others come after it, in turns by network. The places
 * of a line, and of all lines together, are shared among networks: when all are taken, the newest of the network that has most gives way
 * to a newcomer of one that has few.
 */
export class WaitingLines {
  readonly #lines = new Map<string, FairQueue>()
  readonly #places = new SharedPlaces<AbortController>(MOST_WAITING)

  /** How many wait, in all lines. */
  get waiting(): number {
    return this.#places.size
  }

  /**
   * Asks until there is an answer.
   *
   * @param key names the line
   * @param shares the networks in whose names it waits
   * @param ask answers undefined as long as there is no answer
   * @returns undefined when the line or the time was too long, or another network needed the place
   */
  async wait<T>(key: string, shares: Shares, ask: () => Promise<T | undefined>): Promise<T | undefined> {
    const line = this.#lines.get(key) ?? new FairQueue({ concurrency: 1, capacity: LONGEST_LINE - 1 })
    const leaving = new AbortController()
    // The line is asked first: nobody is displaced for who would then be refused there.
    const entered = line.admits(shares) ? this.#places.enter(shares, leaving) : undefined
    if (entered === undefined) return undefined
    entered.displaced?.abort()
    const deadline = performance.now() + PATIENCE_MS
    this.#lines.set(key, line)
    try {
      return await line.run(
        shares,
        () => askUntil(deadline, leaving.signal, ask),
        () => undefined,
        leaving.signal,
      )
    } finally {
      this.#places.leave(entered.place)
      this.#dropIfEmpty(key)
    }
  }

  #dropIfEmpty(key: string): void {
    const line = this.#lines.get(key)
    if (line?.active === 0 && line.waiting === 0) this.#lines.delete(key)
  }
}

/** An answer that comes after the signal counts all the same: it may be a reservation. */
async function askUntil<T>(deadline: number, signal: AbortSignal, ask: () => Promise<T | undefined>): Promise<T | undefined> {
  for (;;) {
    const answer = await ask()
    if (answer !== undefined || signal.aborted || performance.now() > deadline) return answer
    await sleep(ASK_AGAIN_MS, undefined, { signal }).catch(() => {})
  }
}
