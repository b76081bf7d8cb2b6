import type { Kysely } from 'kysely'
import type { Tables } from './schema.ts'

/** What a query function runs on: the database, or the transaction that a write job was given. */
export type Handle = Kysely<Tables>

/** A write job. It awaits nothing but the handle it is given: it may share its transaction with others. */
export type WriteJob<T> = (handle: Handle) => Promise<T>

export interface WriteOptions {
  /**
   * False for what may be lost in a power cut, and then need not wait for the disk. It is not lost when the process ends,
   * and everybody sees it as soon as it is committed.
   */
  readonly isDurable?: boolean
}

export interface Database {
  /** Committed state. Nothing is written through it. */
  readonly read: Handle
  /**
   * Runs a job in a transaction, and resolves to what it returned after the commit, which is durable unless that is not
   * asked for. A job that throws leaves nothing behind; it may run more than once, so it changes nothing but the database.
   *
   * @throws {DatabaseOverloaded} when too many jobs wait
   * @throws {DatabaseUnavailable} when the database cannot do its work
   * @throws what the job throws
   */
  write<T>(job: WriteJob<T>, options?: WriteOptions): Promise<T>
  close(): Promise<void>
}
