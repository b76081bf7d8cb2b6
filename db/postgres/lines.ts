import { DatabaseOverloaded, DatabaseUnavailable } from '../errors.ts'

/**
 * Lines of jobs, by name: in each, one runs at a time, in the order in which they came. When the database fails one of them, those that wait
 * behind it are told so at once.
 */
export class Lines {
  /** The last job of each line; resolves, when it is done, to what is wrong with the database. */
  readonly #last = new Map<string, Promise<DatabaseUnavailable | undefined>>()
  readonly #patienceMs: number
  readonly #limit: number
  #waiting = 0
  #refused = 0

  /**
   * @param patienceMs how long a job may wait
   * @param limit how many may wait, in all lines
   */
  constructor(patienceMs: number, limit: number) {
    this.#patienceMs = patienceMs
    this.#limit = limit
  }

  /** How many wait, and how many were refused because too many did. */
  get stats(): { readonly waiting: number; readonly refused: number } {
    return { waiting: this.#waiting, refused: this.#refused }
  }

  /** Resolves to what the work does. @throws {DatabaseOverloaded} when too many wait, or for too long, and whatever the work throws */
  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name)
    if (before !== undefined && this.#waiting >= this.#limit) this.#refuse()
    const { promise: done, resolve } = Promise.withResolvers<DatabaseUnavailable | undefined>()
    this.#last.set(name, done)
    let failure: DatabaseUnavailable | undefined
    try {
      if (before !== undefined) await this.#wait(before)
      return await work()
    } catch (error) {
      if (error instanceof DatabaseUnavailable) failure = error
      throw error
    } finally {
      if (this.#last.get(name) === done) this.#last.delete(name)
      resolve(failure)
    }
  }

  async #wait(before: Promise<DatabaseUnavailable | undefined>): Promise<void> {
    const since = performance.now()
    this.#waiting++
    const failure = await before
    this.#waiting--
    if (failure !== undefined) throw failure
    if (performance.now() - since > this.#patienceMs) this.#refuse()
  }

  #refuse(): never {
    this.#refused++
    throw new DatabaseOverloaded('too many writes of one line are waiting')
  }
}
