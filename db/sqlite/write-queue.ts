import { CompiledQuery, type Kysely } from 'kysely'
import type { Handle, WriteJob } from '../database.ts'
import { DatabaseUnavailable } from '../errors.ts'
import type { Tables } from '../schema.ts'

interface Waiting {
  readonly job: WriteJob<unknown>
  readonly isDurable: boolean
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

/** After this time within a batch the event loop serves other requests, with the transaction still open: a long batch would block them. */
const HOLD_LIMIT_MS = 4

/**
 * Group commit: the jobs that wait share one transaction, and so one fsync; none if no job is durable. If a job throws, all are rolled back
 * and run again, each in a transaction of its own. If the database itself fails, all that wait are refused.
 */
export class WriteQueue {
  readonly #writer: Kysely<Tables>
  readonly #confirm: () => void
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  /** Whether the connection syncs at each commit, as it does when it is opened. */
  #isDurable = true

  /** @param confirm asked after each commit, before anybody hears of it; it throws where the commit does not count */
  constructor(writer: Kysely<Tables>, confirm: () => void = () => {}) {
    this.#writer = writer
    this.#confirm = confirm
  }

  /** How many jobs wait for the next transaction. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Resolves to what the job returned, once it is committed; rejects with what it or the database threw. */
  run<T>(job: WriteJob<T>, isDurable: boolean): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ job, isDurable, resolve: resolve as Waiting['resolve'], reject })
      this.#running ??= this.#drain()
    })
  }

  /** Resolves when no job waits any more. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      await gathered()
      const batch = this.#waiting
      this.#waiting = []
      await this.#commit(batch)
    }
    this.#running = undefined
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    try {
      await this.#setDurability(batch.some(({ isDurable }) => isDurable))
      const results = await this.#transaction(async (handle) => {
        const results: unknown[] = []
        let began = performance.now()
        for (const { job } of batch) {
          results.push(await job(handle))
          if (performance.now() - began < HOLD_LIMIT_MS) continue
          await gathered()
          began = performance.now()
        }
        return results
      })
      this.#confirm()
      batch.forEach(({ resolve }, index) => {
        resolve(results[index])
      })
    } catch (error) {
      if (error instanceof DatabaseUnavailable) return this.#refuse(batch, error)
      if (batch.length === 1) return batch[0]?.reject(error)
      for (const waiting of batch) {
        await gathered()
        await this.#commit([waiting])
      }
    }
  }

  /** Refuses also the jobs that came meanwhile: each would wait five seconds more for a database that has just failed. */
  #refuse(batch: readonly Waiting[], error: DatabaseUnavailable): void {
    const refused = [...batch, ...this.#waiting]
    this.#waiting = []
    for (const { reject } of refused) reject(error)
  }

  /** In WAL mode a commit without a sync reaches the disk with the next synced one. A power cut before that loses it as a whole. */
  async #setDurability(isDurable: boolean): Promise<void> {
    if (isDurable === this.#isDurable) return
    await this.#writer.executeQuery(CompiledQuery.raw(`pragma synchronous = ${isDurable ? 'full' : 'normal'}`))
    this.#isDurable = isDurable
  }

  #transaction<T>(job: (handle: Handle) => Promise<T>): Promise<T> {
    return this.#writer.transaction().execute(job)
  }
}

/** Resolves after the event loop has read the requests that have arrived, so that their jobs join the next batch. */
function gathered(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
