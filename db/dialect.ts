import type { ColumnBuilderCallback, Kysely, QueryResult } from 'kysely'
import type { Database, Handle, OnUpgrade } from './database.ts'

/** A kind of database: a function that finds the database of a URL, or returns undefined for a URL of another kind. */
export type Dialect = (url: string) => Site | undefined

/** A database, open or not, made or not. */
export interface Site {
  /** Where it is, for people to read: without credentials. */
  readonly place: string
  /** False for one that no other process can open, and that ends with its process. */
  readonly isShared: boolean
  /** Whether it has been made. @throws {DatabaseUnavailable} when that cannot be found out */
  exists(): Promise<boolean>
  /** Makes the database if need be, and opens it with its tables up to date. Throws what `openDatabase` does. */
  open(onUpgrade?: OnUpgrade): Promise<Database>
}

/**
 * What the query functions ask of a dialect beyond what Kysely does. It is implemented by the dialect's adapter, because that is what can
 * be reached from every handle, and is one object for a database and all its transactions. What a dialect leaves out, it does not need.
 */
export interface Adapter {
  /**
   * Runs a query without Kysely's promises, which cost twice what a SQLite query does.
   *
   * @returns undefined when the database is locked; the caller then takes the ordinary way, which tries again
   */
  runDirectly?<O>(sql: string, parameters: readonly unknown[]): QueryResult<O> | undefined
  /** Waits until no other transaction holds this turn, and holds it until this one ends. Left out where one job writes at a time. */
  takeTurn?(transaction: Handle, turn: string): Promise<void>
  /** Type and definition of a primary key whose values never come again, where that is not an `integer` with `autoincrement`. */
  readonly neverReusedId?: ['integer' | 'bigint', ColumnBuilderCallback]
}

// biome-ignore lint/suspicious/noExplicitAny: migrations work on the tables of their time.
export function adapterOf(handle: Kysely<any>): Adapter {
  return handle.getExecutor().adapter as Adapter
}
