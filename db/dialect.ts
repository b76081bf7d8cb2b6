import type { QueryResult } from 'kysely'
import type { Handle } from './database.ts'

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
}

export function adapterOf(handle: Handle): Adapter {
  return handle.getExecutor().adapter as Adapter
}
