const SECOND_MS = 1000
/** Refusals of one network that are answered at once, in a second. */
const AT_ONCE = 100
/** Of all networks. Each holds a request open. */
const HELD_LIMIT = 1000

/**
 * Holds back the refusals of a network that is refused again and again, at most until the end of the second: clients that ask again at
 * once, and there are such, would otherwise take the time in which the hashes of others are computed.
 */
export class RefusalPace {
  #counts = new Map<string, number>()
  #end: Promise<void> | undefined
  #held = 0

  /** Resolves when a refusal of the network is to be answered: at once, or at the end of this second. */
  async wait(network: string): Promise<void> {
    this.#end ??= this.#second()
    const count = (this.#counts.get(network) ?? 0) + 1
    this.#counts.set(network, count)
    if (count <= AT_ONCE || this.#held >= HELD_LIMIT) return
    this.#held++
    await this.#end
  }

  async #second(): Promise<void> {
    await new Promise((resolve) => void setTimeout(resolve, SECOND_MS))
    this.#counts = new Map()
    this.#end = undefined
    this.#held = 0
  }
}
