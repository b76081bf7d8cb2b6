/**
 * Room for works that take much memory: the sum of those that run never exceeds it. They run in the order in which they came, so that
 * one that takes much is not overtaken for ever by those that take little.
 */
export class MemoryRoom {
  readonly kib: number
  #free: number
  readonly #waiting: { readonly kib: number; readonly start: () => void }[] = []

  constructor(kib: number) {
    this.kib = kib
    this.#free = kib
  }

  /**
   * Runs a work once there is room for it.
   *
   * @param kib what it takes: not more than the whole room, else it would never run
   */
  async run<T>(kib: number, work: () => Promise<T>): Promise<T> {
    if (this.#waiting.length > 0 || kib > this.#free) await new Promise<void>((start) => this.#waiting.push({ kib, start }))
    else this.#free -= kib
    try {
      return await work()
    } finally {
      this.#free += kib
      this.#startNext()
    }
  }

  #startNext(): void {
    for (let next = this.#waiting[0]; next !== undefined && next.kib <= this.#free; next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#free -= next.kib
      next.start()
    }
  }
}
