import type { ColumnBuilderCallback, Expression, Kysely } from 'kysely'
import { adapterOf } from '../dialect.ts'

/**
 * Type and definition of a primary key that the database numbers, and never gives the same number twice. SQLite without `autoincrement`
 * would give the number of a deleted row again, and an old token or foreign key would then mean somebody else.
 */
export function neverReusedId(db: Kysely<unknown>): ['integer' | 'bigint', ColumnBuilderCallback] {
  return adapterOf(db).neverReusedId ?? ['integer', (column) => column.primaryKey().autoIncrement()]
}

/** Definition of a column that the database computes from others of its row. SQLite adds none that is stored, and PostgreSQL has no other. */
export function computed(db: Kysely<unknown>, value: Expression<unknown>): ColumnBuilderCallback {
  const { storesComputed } = adapterOf(db)
  return (column) => (storesComputed ? column.generatedAlwaysAs(value).stored() : column.generatedAlwaysAs(value))
}
