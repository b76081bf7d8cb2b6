import { statSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type SQLite from 'better-sqlite3'
import { DatabaseUnavailable } from '../errors.ts'
import { LOG_LIMIT_BYTES } from './connection.ts'

/** After how many pages of 4 KiB a commit also copies the log into the database, which holds the event loop for 10 to 15 ms. */
const PAGES_A_CHECKPOINT = 1000

/**
 * Keeps the write-ahead log of a file short. While nobody is in the way SQLite does so itself, at a commit. A transaction of another process
 * that reads for long, such as a backup, keeps it from beginning the log anew, and when that is over the next commit would copy all of it
 * at once, and so hold the event loop. So a log that has become longer than usual is copied by a thread of its own.
 */
export class WriteAheadLog {
  readonly #file: string
  readonly #writer: SQLite.Database
  #isLeftToCommits = true
  #bytes = 0

  /** @param writer the connection that writes */
  constructor(file: string, writer: SQLite.Database) {
    this.#file = file
    this.#writer = writer
  }

  /** The size of its file when it was last tidied, in bytes. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Makes a log that is longer than usual shorter, as far as no reader is in the way. Writes wait some milliseconds for it, the event loop
   * does not.
   *
   * @throws {DatabaseUnavailable} when the disk is full or fails
   */
  async tidy(): Promise<void> {
    this.#measure()
    const isLong = this.#bytes > LOG_LIMIT_BYTES
    this.#leaveToCommits(!isLong)
    if (!isLong || !(await shorten(this.#file))) return
    this.#leaveToCommits(true)
    this.#measure()
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

/** Runs `checkpoint-thread.ts`. Resolves to false when a reader was in the way. */
function shorten(file: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL('checkpoint-thread.ts', import.meta.url), { workerData: file })
    const fail = (error: Error) => reject(new DatabaseUnavailable(error.message, { cause: error }))
    thread.once('message', resolve)
    thread.once('error', fail)
    thread.once('exit', () => fail(new Error('the thread that copies the write-ahead log has ended early')))
  })
}
