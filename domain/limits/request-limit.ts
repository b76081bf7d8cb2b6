import { LRUCache } from 'lru-cache'
import { networkOf } from '../address.ts'
import type { Clock } from '../clock.ts'
import { throttled } from '../errors.ts'

const WINDOW_MS = 60_000
/** Some 200 bytes each. Past it, the network that asked longest ago is forgotten and counts from zero. */
const NETWORKS_LIMIT = 10_000

/** Limits the requests of an address in this process alone: there are too many to count them in the database. */
export class RequestLimit {
  readonly #perMinute: number
  readonly #monotonic: Clock
  readonly #windows = new LRUCache<string, { count: number; readonly endsAt: number }>({ max: NETWORKS_LIMIT })
  #refused = 0

  /** @param monotonic a clock that nobody sets: a window that the time of day leaves behind would never end */
  constructor(perMinute: number, monotonic: Clock) {
    this.#perMinute = perMinute
    this.#monotonic = monotonic
  }

  /** Networks that are counted now, and requests that were refused since the start. */
  get stats(): { readonly networks: number; readonly refused: number } {
    return { networks: this.#windows.size, refused: this.#refused }
  }

  /** @throws {Problem} `throttled` when the address has asked too often within a minute */
  count(address: string | undefined): void {
    const now = this.#monotonic()
    const network = address === undefined ? '' : networkOf(address)
    let window = this.#windows.get(network)
    if (window === undefined || window.endsAt <= now) {
      window = { count: 0, endsAt: now + WINDOW_MS }
      this.#windows.set(network, window)
    }
    if (window.count >= this.#perMinute) {
      this.#refused++
      throw throttled(window.endsAt - now)
    }
    window.count++
  }
}
