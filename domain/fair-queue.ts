import type { Shares } from './address.ts'
import { SharedPlaces } from './shared-places.ts'

interface Waiter {
  start(): void
  refuse(): void
}

/**
 * Runs a bounded number of works at once and lets a bounded number wait, in places that networks share: they take turns, and when all places
 * are taken, a newcomer of a network that has few displaces the newest waiter of the one that has most (`SharedPlaces`). One network
 * may fill the whole queue as long as no other one comes.
 */
export class FairQueue {
  readonly #concurrency: number
  readonly #waiters: SharedPlaces<Waiter>
  #active = 0

  /** @param bounds how many works run at once, and how many wait; each at least one */
  constructor({ concurrency, capacity }: { readonly concurrency: number; readonly capacity: number }) {
    this.#concurrency = concurrency
    this.#waiters = new SharedPlaces(capacity)
  }

  /** Works that run. */
  get active(): number {
    return this.#active
  }

  /** Works that wait for their turn. */
  get waiting(): number {
    return this.#waiters.size
  }

  /** Whether a newcomer would run or wait. */
  admits(shares: Shares): boolean {
    return this.#active < this.#concurrency || this.#waiters.admits(shares)
  }

  /**
   * Runs a work when its turn comes: once, or not at all.
   *
   * @param shares the networks in whose names it waits
   * @param refused is called instead when it finds no place, or loses it; what it returns or throws is the outcome
   * @param signal gives the place up; a work that runs already goes on
   * @returns what the work returned. Rejects with what it threw
   */
  run<T, R>(shares: Shares, work: () => Promise<T>, refused: () => R, signal?: AbortSignal): Promise<T | R> {
    return new Promise<T | R>((resolve) => {
      const start = () => resolve(this.#run(work))
      const refuse = () => resolve(outcomeOf(refused))
      if (this.#active < this.#concurrency) return start()
      const entered = this.#waiters.enter(shares, { start, refuse })
      if (entered === undefined) return refuse()
      entered.displaced?.refuse()
      signal?.addEventListener('abort', () => {
        if (this.#waiters.leave(entered.place)) refuse()
      })
    })
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    this.#active++
    try {
      return await work()
    } finally {
      this.#active--
      this.#waiters.takeNext()?.start()
    }
  }
}

async function outcomeOf<R>(refused: () => R): Promise<R> {
  return refused()
}
