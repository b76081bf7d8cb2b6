import type { ColumnBuilderCallback, Kysely } from 'kysely'
import { adapterOf } from '../dialect.ts'

/**
 * Type and definition of a primary key that the database gives, and never gives twice, not even after the row was deleted: a plain primary
 * key of SQLite would give the highest id again.
 */
export function neverReusedId(db: Kysely<unknown>): ['integer' | 'bigint', ColumnBuilderCallback] {
  return adapterOf(db).neverReusedId ?? ['integer', (column) => column.primaryKey().autoIncrement()]
}
