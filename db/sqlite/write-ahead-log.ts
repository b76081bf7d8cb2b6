import { statSync } from 'node:fs'
import type SQLite from 'better-sqlite3'
import { Checkpoints } from './checkpoints.ts'
import { LOG_LIMIT_BYTES } from './connection.ts'

/** After how many pages of 4 KiB a commit also copies the log into the database, which holds the event loop for 10 to 15 ms. */
const PAGES_A_CHECKPOINT = 1000
/** From which length on the thread copies the log of one who writes much: half of that, so that no commit does it. */
const MUCH_BYTES = (PAGES_A_CHECKPOINT / 2) * 4096

/**
 * Keeps the write-ahead log of a file short. While nobody is in the way SQLite does so itself, at a commit. A transaction of another process
 * that reads for long, such as a backup, keeps it from beginning the log anew, and when that is over the next commit would copy all of it
 * at once, and so hold the event loop. So a log that has become longer than usual is copied by a thread of its own.
 */
export class WriteAheadLog {
  readonly #file: string
  readonly #writer: SQLite.Database
  readonly #checkpoints: Checkpoints
  #isLeftToCommits = true
  #bytes = 0

  /** @param writer the connection that writes */
  constructor(file: string, writer: SQLite.Database) {
    this.#file = file
    this.#writer = writer
    this.#checkpoints = new Checkpoints(file)
  }

  /** The size of its file when it was last tidied, in bytes. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Makes a log that is longer than usual shorter, as far as no reader is in the way. Writes wait some milliseconds for it, the event loop
   * does not.
   *
   * @param isWritingMuch whether one who writes much asks: then a log that the next commits would copy counts as long, too
   * @returns whether it has no more than its usual length
   * @throws {DatabaseUnavailable} when the disk is full or fails
   */
  async tidy(isWritingMuch: boolean): Promise<boolean> {
    this.#measure()
    this.#leaveToCommits(this.#bytes <= LOG_LIMIT_BYTES)
    if (this.#bytes > (isWritingMuch ? MUCH_BYTES : LOG_LIMIT_BYTES) && (await this.#checkpoints.copy())) {
      this.#leaveToCommits(true)
      this.#measure()
    }
    return this.#bytes <= LOG_LIMIT_BYTES
  }

  /** To be called before the database is closed. */
  async close(): Promise<void> {
    await this.#checkpoints.end()
  }

  #measure(): void {
    this.#bytes = statSync(`${this.#file}-wal`, { throwIfNoEntry: false })?.size ?? 0
  }

  #leaveToCommits(isTheirs: boolean): void {
    if (isTheirs === this.#isLeftToCommits) return
    this.#writer.pragma(`wal_autocheckpoint = ${isTheirs ? PAGES_A_CHECKPOINT : 0}`)
    this.#isLeftToCommits = isTheirs
  }
}
