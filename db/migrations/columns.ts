import type { ColumnBuilderCallback, Kysely } from 'kysely'
import { adapterOf } from '../dialect.ts'

/**
 * Type and definition of a primary key that the database numbers, and never gives the same number twice. SQLite without `autoincrement`
 * would give the number of a deleted row again, and an old token or foreign key would then mean somebody else.
 */
export function neverReusedId(db: Kysely<unknown>): ['integer' | 'bigint', ColumnBuilderCallback] {
  return adapterOf(db).neverReusedId ?? ['integer', (column) => column.primaryKey().autoIncrement()]
}
