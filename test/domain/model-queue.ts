import type { Shares } from '../../domain/address.ts'

interface Waiter {
  readonly name: string
  readonly shares: Shares
}

/** A fair queue as plainly as can be: lists that are searched again at each step. */
export class ModelQueue {
  readonly #concurrency: number
  readonly #capacity: number
  /** In the order of coming. */
  waiting: Waiter[] = []
  /** The wide networks that wait, and the narrow ones of each, in the order of their turns. */
  #turns: { wide: string; narrow: string[] }[] = []
  #running = 0
  readonly #started: string[] = []
  readonly #refused: string[] = []

  constructor({ concurrency, capacity }: { concurrency: number; capacity: number }) {
    this.#concurrency = concurrency
    this.#capacity = capacity
  }

  get seen() {
    return { started: this.#started, refused: this.#refused, active: this.#running, waiting: this.waiting.length }
  }

  /** @param refused who was refused by the real queue then: of several networks of one size any may give way */
  come(name: string, shares: Shares, refused: string | undefined): void {
    if (this.#running < this.#concurrency) this.#start(name)
    else if (this.waiting.length < this.#capacity) this.#wait(name, shares)
    else if (this.#mayLeave(shares).length === 0) this.#refused.push(name)
    else {
      this.leave(this.#mayLeave(shares).find((one) => one === refused) ?? 'somebody else')
      this.#wait(name, shares)
    }
  }

  end(): void {
    if (this.#running === 0) return
    this.#running--
    const turn = this.#turns.shift()
    if (turn === undefined) return
    const narrow = turn.narrow.shift() as string
    const next = this.waiting.find(({ shares }) => shares[1] === narrow) as Waiter
    turn.narrow.push(narrow)
    this.#turns.push(turn)
    this.#remove(next.name)
    this.#start(next.name)
  }

  leave(name: string): void {
    this.#remove(name)
    this.#refused.push(name)
  }

  #wait(name: string, shares: Shares): void {
    this.waiting.push({ name, shares })
    const [wide, narrow] = shares
    if (!this.#turns.some((one) => one.wide === wide)) this.#turns.push({ wide, narrow: [] })
    const turn = this.#turns.find((one) => one.wide === wide)
    if (!turn?.narrow.includes(narrow)) turn?.narrow.push(narrow)
  }

  #start(name: string): void {
    this.#running++
    this.#started.push(name)
  }

  #remove(name: string): void {
    this.waiting = this.waiting.filter((one) => one.name !== name)
    for (const turn of this.#turns) turn.narrow = turn.narrow.filter((narrow) => this.#countOf(1, narrow) > 0)
    this.#turns = this.#turns.filter(({ narrow }) => narrow.length > 0)
  }

  #countOf(level: 0 | 1, network: string): number {
    return this.waiting.filter(({ shares }) => shares[level] === network).length
  }

  /** The newest of each of the largest narrow networks of each of the largest wide ones that will not be smaller than the newcomer's. */
  #mayLeave([wide, narrow]: Shares): string[] {
    const among = this.#largest(0, this.waiting)
    if (this.#countOf(0, wide) + 1 < among.size) return among.networks.flatMap((one) => this.#newestOf(this.#within(one)))
    const here = this.#within(wide)
    const own = this.#largest(1, here)
    return this.#countOf(1, narrow) + 1 < own.size ? this.#newestOf(here) : []
  }

  #within(wide: string): Waiter[] {
    return this.waiting.filter(({ shares }) => shares[0] === wide)
  }

  #newestOf(here: readonly Waiter[]): string[] {
    return this.#largest(1, here).networks.map((narrow) => here.findLast(({ shares }) => shares[1] === narrow)?.name ?? '')
  }

  #largest(level: 0 | 1, here: readonly Waiter[]): { size: number; networks: string[] } {
    const networks = [...new Set(here.map(({ shares }) => shares[level]))]
    const size = Math.max(0, ...networks.map((network) => this.#countOf(level, network)))
    return { size, networks: networks.filter((network) => this.#countOf(level, network) === size) }
  }
}
