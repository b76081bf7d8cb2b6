import type { ColumnBuilderCallback, CompiledQuery, DialectAdapter, Kysely, QueryResult } from 'kysely'
import type { BackingUp, Restored, Restoring } from './backups.ts'
import type { Database, Handle, Inspection, Opening } from './database.ts'
import type { Source } from './sources/source.ts'

/** A kind of database: a function that finds the database of a URL, or returns undefined for a URL of another kind. */
export type Dialect = (url: string) => Site | undefined

/** A database, open or not, made or not. */
export interface Site {
  /** Where it is, for people to read: without credentials. */
  readonly place: string
  /** False for one that no other process can open, and that ends with its process. */
  readonly isShared: boolean
  /** What is wrong with the URL, in words without credentials; such a one cannot be opened. */
  readonly fault?: string | undefined
  /** Whether it has been made. @throws {DatabaseUnavailable} when that cannot be found out */
  exists(opening?: Opening): Promise<boolean>
  /** Opens a database that was made, to look at it and change nothing. @throws {DatabaseUnavailable} */
  inspect(opening?: Opening): Promise<Inspection>
  /** Makes the database if need be, and opens it with its tables up to date. Throws what `openDatabase` does. */
  open(opening?: Opening): Promise<Database>
  /** Opens a database of another system, to read it and change nothing. @throws {SourceFailed} */
  openSource(): Promise<Source>
  /** Where it is a file: how it is copied, and how a copy takes its place. A server has means of its own. */
  readonly copies?: Copies
}

export interface Copies {
  /**
   * Copies the database, as it is at this moment, into one file, which appears when it is whole and on the disk. Whoever writes it goes on
   * meanwhile. Nothing of it is changed, nor are its tables brought up to date.
   *
   * @returns the size of the copy in bytes
   * @throws {BackupRefused} when the copy cannot be made there, or what is to be copied is damaged
   * @throws {DatabaseUnavailable} when the database cannot be opened
   */
  backUp(to: string, options: BackingUp): Promise<number>
  /**
   * Lets the copy of a backup take the place of the database, or be one where there is none. The backup stays as it is. The database is
   * replaced in one step, after all else: when this fails, or its process is killed, it is the old one or the new one.
   *
   * @throws {BackupRefused} when the backup is not whole, not ours or newer, somebody has the database open, or there is no room
   * @throws what `prepare` throws
   */
  restore<T>(from: string, options: Restoring<T>): Promise<Restored<T>>
}

/** A query that is built once and run with new values (`hot.ts`). */
export interface HotQuery<O = unknown> {
  readonly compiled: CompiledQuery<O>
  /** For each parameter, whether a run brings it. The others are part of the query. */
  readonly isGiven: readonly boolean[]
  /** Whether anybody looks at what comes back. If not, a transaction may go on before the answer is there: a failure then fails the commit. */
  readonly isRead: boolean
}

/** A run of a hot query, as it reaches a connection. */
export interface HotRun<O> extends CompiledQuery<O> {
  readonly hot: HotQuery<O>
}

/**
 * What the query functions ask of a dialect beyond what Kysely does. It is implemented by the dialect's adapter, because that is what can
 * be reached from every handle, and is one object for a database and all its transactions. What a dialect leaves out, it does not need.
 */
export interface Adapter {
  /**
   * Runs a query in another way than Kysely does, which costs twice what a SQLite query does, and runs one look-up at a time.
   *
   * @returns undefined where the ordinary way is to be taken
   */
  runDirectly?<O>(query: HotQuery<O>, parameters: readonly unknown[]): QueryResult<O> | Promise<QueryResult<O>> | undefined
  /** Whether write jobs run side by side, each seeing what others have committed until now. Otherwise one writes at a time. */
  readonly hasParallelWriters?: boolean
  /** Readies a transaction for migrations: afterwards no other one is in the middle of them. */
  // biome-ignore lint/suspicious/noExplicitAny: before there are tables.
  beginMigrations?(transaction: Kysely<any>): Promise<void>
  /** The schema that the tables are in, where a database has several. */
  readonly schema?: string
  /** Type and definition of a primary key whose values never come again, where that is not an `integer` with `autoincrement`. */
  readonly neverReusedId?: ['integer' | 'bigint', ColumnBuilderCallback]
  /** Whether the values of a computed column are stored with the others. Otherwise they are computed when they are read. */
  readonly storesComputed?: boolean
  /**
   * Has a table keep room beside its rows, where a row that is changed stays in its place if there is, and leaves the indexes alone. `percent`
   * is how full it is to be at most when rows are added. Rows of some kilobytes are kept as they are, too, where they would be compressed at
   * each change.
   */
  leaveRoom?(transaction: Kysely<unknown>, table: string, percent: number): Promise<void>
  /** Waits until nobody writes these tables, and lets nobody until the end of the transaction, where that is not so in any transaction. */
  lockTables?(transaction: Handle, tables: readonly string[]): Promise<void>
  /** The highest id that a table has given so far, also to rows that are no more; 0 for none. */
  lastIdOf(handle: Handle, table: string): Promise<number>
  /** Lets the ids of a table go on after this one, from 1 up. The database need not undo it when the transaction is. */
  setLastId(transaction: Handle, table: string, id: number): Promise<void>
  /** Lets the planner of queries count the rows of tables that were just filled, where it needs that. */
  analyze?(transaction: Handle, tables: readonly string[]): Promise<void>
}

// biome-ignore lint/suspicious/noExplicitAny: migrations work on the tables of their time.
export function adapterOf(handle: Kysely<any>): Adapter {
  return handle.getExecutor().adapter as DialectAdapter & Adapter
}
