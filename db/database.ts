import type { Kysely } from 'kysely'
import type { Tables } from './schema.ts'

/** What a query function runs on: the database, or the transaction that a write job was given. */
export type Handle = Kysely<Tables>

/**
 * A function that runs in a transaction. It can rely on this, and on no more:
 *
 * - All that it writes through its handle is committed together, or nothing is. It changes nothing but the database, because it may run
 *   more than once: where jobs share a transaction, they all run again when one of them throws.
 * - It awaits nothing but its handle, because others wait for the lock that it holds or for the transaction that it shares.
 * - On SQLite no other job writes while it runs. A dialect may run jobs side by side, each seeing what others have committed until now, as
 *   PostgreSQL does: a row that was read may change before it is written. So whatever must be exact either
 *   - writes on a condition, and looks at how many rows were written (`revokeClientAt`), or
 *   - locks the row when reading it (`lockTallies`), or
 *   - locks its user before it reads (`lockUser`), or
 *   - takes its turn by name before it reads (`takeTurns`), where no single row decides.
 */
export type WriteJob<T> = (handle: Handle) => Promise<T>

export interface WriteOptions {
  /**
   * False for what may be lost in a power cut, and so need not wait for the disk. It survives the end of the process, and is seen by all
   * as soon as it is committed.
   */
  readonly isDurable?: boolean
  /**
   * True for a job that runs one statement, whatever it finds: it is then a transaction by itself, where that is cheaper, and safe on disk,
   * whatever `isDurable` says.
   */
  readonly isSingle?: boolean
  /**
   * Names a line: of the jobs of this process in one line, one runs at a time, where they would otherwise run side by side. For jobs that lock
   * the same row first: they would wait for each other all the same, and those that wait would keep all others from the database.
   */
  readonly line?: string
  /** True for a job that may take minutes, because no request waits for it. */
  readonly isLong?: boolean
}

/** How a database is opened. A dialect leaves aside what it has no use for. */
export interface Opening {
  /** Is told the names of the migrations that are about to run, in their order; not called where there are none. */
  readonly onUpgrade?: OnUpgrade
  /** Is told once why a server cannot be reached, while it is waited for. */
  readonly onWait?: (reason: string) => void
  /** How long a server is waited for that does not answer yet, in milliseconds; 0 unless given. */
  readonly waitMs?: number
  /** The schema that the tables are in; `public` unless given. */
  readonly schema?: string
  /** How many connections write at most; 10 unless given. Two more read. */
  readonly pool?: number
  /** The URL as it is now, for each new connection: the password in it may change. Undefined when that cannot be read. */
  readonly urlNow?: () => string | undefined
}

export type OnUpgrade = (migrations: readonly string[]) => void

/** An open database. Errors that it throws itself are all in `errors.ts`. */
export interface Database {
  /** For reading what is committed. Nothing is written through it. */
  readonly read: Handle
  /**
   * Runs a job in a transaction, and resolves to what the job returned, after the commit. That is then safe on disk, unless `isDurable` is
   * false. A job that throws leaves nothing behind.
   *
   * @throws {DatabaseOverloaded} when too many jobs wait
   * @throws {DatabaseUnavailable} when the database cannot do its work
   * @throws {QueryRefused} and whatever else the job throws
   */
  write<T>(job: WriteJob<T>, options?: WriteOptions): Promise<T>
  /**
   * Runs reads that all see the state of the database at their beginning, however long they take. Others go on writing; what they write
   * meanwhile, SQLite keeps in the log beside the file until the reads are over.
   *
   * @throws {DatabaseUnavailable} and whatever else the reads throw
   */
  readOneState<T>(reads: (handle: Handle) => Promise<T>): Promise<T>
  /**
   * Write jobs that wait now, jobs that were refused since the start because too many waited, and the bytes that a log of writes beside the
   * database, which `tidy` keeps short, had when `tidy` last ran; 0 where there is none, or where a server takes care of it.
   */
  readonly stats: { readonly waiting: number; readonly refused: number; readonly logBytes: number }
  /**
   * What a database leaves to whoever has it open; to be called every some seconds. It holds the event loop no longer than a write does.
   * Whoever writes much calls it after each job, with `isWritingMuch`, and writes no more while it resolves to false: then a reader that
   * stays keeps the log of writes from being cut.
   *
   * @throws {DatabaseUnavailable} when the database cannot do its work
   */
  tidy(options?: { readonly isWritingMuch?: boolean }): Promise<boolean>
  /**
   * Tries whether the database would do its work now: it is in its place, a row is read, and a write, which waits for its turn as others
   * do but is never refused for their number, reaches the disk.
   *
   * @throws {DatabaseUnavailable} with the reason in words, when it would not; `DatabaseLost` for good
   */
  check(): Promise<void>
  /**
   * Looks whether the database is still where it was opened; to be called every some seconds. Where it is not, reads and writes throw the same
   * from then on. Resolves to what keeps one from looking, in words; undefined when nothing does.
   *
   * @throws {DatabaseLost} when it was deleted, moved or replaced
   */
  look(): Promise<string | undefined>
  /** Does the jobs that wait, and closes the database. */
  close(): Promise<void>
}

/** A database that is looked at: nothing is made, brought up to date or written. */
export interface Inspection {
  /** For reading what is committed. Nothing is written through it. */
  readonly read: Handle
  /**
   * What is wrong with the database itself, a line each; whether its tables are those of this version is not asked. Reads all of a file.
   *
   * @throws {DatabaseUnavailable}
   */
  faults(): Promise<readonly string[]>
  /** Of a file: bytes that are free where it is, and bytes that it and the files beside it take. */
  readonly room?: { readonly free: number; readonly taken: number }
  close(): Promise<void>
}
