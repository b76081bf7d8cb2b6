import type { Database, WriteJob } from '../../db/database.ts'

const AGAIN_MS = 500
/** An attempt without an outcome counts as failed after this time. */
const KEPT_MS = 60_000
const KEPT_LIMIT = 10_000

interface Kept {
  readonly job: WriteJob<void>
  readonly line: string
  readonly since: number
}

/**
 * Writes what became of attempts, in the background, but before what this process writes later in the same line. A power cut loses the last few
 * at most, so they do not wait for the disk. When a write fails, because too many wait or the disk is full, it is tried again for a minute: a
 * right password must not count as a wrong one for that.
 */
export class Outcomes {
  readonly #db: Pick<Database, 'write'>
  #kept: Kept[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(db: Pick<Database, 'write'>) {
    this.#db = db
  }

  /** How many are tried again. */
  get waiting(): number {
    return this.#kept.length
  }

  /** @param line of jobs that lock the same rows (`WriteOptions`) */
  write(job: WriteJob<void>, line: string): void {
    void this.#write({ job, line, since: performance.now() })
  }

  /** Writes those that could not be written. Resolves when they are, or are kept for longer. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const kept = this.#kept.filter(({ since }) => performance.now() - since < KEPT_MS)
    this.#kept = []
    await Promise.all(kept.map((one) => this.#write(one)))
  }

  async #write(outcome: Kept): Promise<void> {
    const { job, line } = outcome
    await this.#db.write(job, { isDurable: false, line }).catch(() => this.#keep(outcome))
  }

  #keep(outcome: Kept): void {
    if (this.#kept.length < KEPT_LIMIT) this.#kept.push(outcome)
    this.#timer ??= setTimeout(() => void this.flush(), AGAIN_MS).unref()
  }
}
