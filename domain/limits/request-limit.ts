import { LRUCache } from 'lru-cache'
import { networkOf } from '../address.ts'
import type { Clock } from '../clock.ts'
import { throttled } from '../errors.ts'

const WINDOW_MS = 60_000
/** Some 200 bytes each. Past it the network that asked longest ago begins anew. */
const NETWORKS_LIMIT = 10_000

/** Counts requests by address in this process alone: they are too many to be counted in the database. */
export class RequestLimit {
  readonly #perMinute: number
  readonly #clock: Clock
  readonly #windows = new LRUCache<string, { count: number; readonly endsAt: number }>({ max: NETWORKS_LIMIT })

  constructor(perMinute: number, clock: Clock) {
    this.#perMinute = perMinute
    this.#clock = clock
  }

  /** @throws {Problem} `throttled` when the address has asked too often within a minute */
  count(address: string | undefined): void {
    const now = this.#clock()
    const network = address === undefined ? '' : networkOf(address)
    let window = this.#windows.get(network)
    if (window === undefined || window.endsAt <= now) {
      window = { count: 0, endsAt: now + WINDOW_MS }
      this.#windows.set(network, window)
    }
    if (window.count >= this.#perMinute) throw throttled(window.endsAt - now)
    window.count++
  }
}
