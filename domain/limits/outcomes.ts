import type { Database, WriteJob } from '../../db/database.ts'

/** A power cut loses the last few outcomes at most, so they do not wait for the disk. */
const soon = { isDurable: false }
const AGAIN_MS = 500
/** An attempt without an outcome counts as failed after this time. */
const KEPT_MS = 60_000
const KEPT_LIMIT = 10_000

interface Kept {
  readonly job: WriteJob<void>
  readonly since: number
}

/**
 * Writes what became of attempts, in the background, but before what this process writes later. When that fails, because too many writes
 * wait or the disk is full, it is tried again for a minute: a right password must not count as a wrong one for that.
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

  write(job: WriteJob<void>): void {
    const since = performance.now()
    this.#db.write(job, soon).catch(() => this.#keep([{ job, since }]))
  }

  /** Writes those that could not be written. Resolves when they are, or are kept for longer. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const kept = this.#kept.filter(({ since }) => performance.now() - since < KEPT_MS)
    this.#kept = []
    const all = async (handle: Parameters<WriteJob<void>>[0]) => {
      for (const { job } of kept) await job(handle)
    }
    if (kept.length > 0) await this.#db.write(all, soon).catch(() => this.#keep(kept))
  }

  #keep(failed: readonly Kept[]): void {
    this.#kept.push(...failed.slice(0, KEPT_LIMIT - this.#kept.length))
    this.#timer ??= setTimeout(() => void this.flush(), AGAIN_MS).unref()
  }
}
