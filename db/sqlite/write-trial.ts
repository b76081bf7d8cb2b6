import { sql } from 'kysely'
import type { WriteJob } from '../database.ts'
import { DatabaseUnavailable } from '../errors.ts'
import { isDiskFull } from './fault.ts'
import type { WriteQueue } from './write-queue.ts'

/** Tries whether a write would reach the disk, for a database that can only be read is of little use: every login fails. */
export class WriteTrial {
  readonly #queue: WriteQueue
  readonly #file: string
  #failure: DatabaseUnavailable | undefined

  /** @param file the path of the database */
  constructor(queue: WriteQueue, file: string) {
    this.#queue = queue
    this.#file = file
  }

  /** Passes the result of a write on, and remembers a failure of the database. */
  async watch<T>(write: Promise<T>): Promise<T> {
    try {
      return await write
    } catch (error) {
      if (error instanceof DatabaseUnavailable) this.#failure = error
      throw error
    }
  }

  /**
   * Resolves when a write has reached the disk. It takes its turn among others, but is never refused for their number: to be busy is no
   * failure. On a full disk the small write of a trial may still find the room that a larger one did not: there the failure of that one
   * counts until there is space again.
   *
   * @throws {DatabaseUnavailable} also when another process keeps the file locked for five seconds
   */
  async run(): Promise<void> {
    await this.#queue.run(writeNothingNew, true)
    if (this.#failure !== undefined && isDiskFull(this.#file)) throw this.#failure
    this.#failure = undefined
  }
}

/**
 * Writes the first page of the file as it is: a commit that waits for the disk as any other, and changes nothing. One that is rolled back
 * would not reach the disk, and so not see that it is full.
 */
const writeNothingNew: WriteJob<void> = async (handle) => {
  const { rows } = await sql<{ user_version: number }>`pragma user_version`.execute(handle)
  await sql.raw(`pragma user_version = ${rows[0]?.user_version ?? 0}`).execute(handle)
}
