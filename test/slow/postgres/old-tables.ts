import { Kysely, WithSchemaPlugin } from 'kysely'
import { Migrator } from 'kysely/migration'
import { migrations } from '../../../db/migrate.ts'
import { Connection } from '../../../db/postgres/connection.ts'
import { LentDialect, WritingAdapter } from '../../../db/postgres/dialect.ts'
import { Pool } from '../../../db/postgres/pool.ts'
import { parseUrl } from '../../../db/postgres/url.ts'
import { type OldDatabase, rowsOf } from '../../upgrade/old-databases.ts'
import type { Server } from './server.ts'

const SCHEMA = 'public'
/** Their rows are not copied: PostgreSQL counts ids in its own way, and the migrator has noted what it did. */
const OF_SQLITE = ['sqlite_sequence', 'kysely_migration', 'kysely_migration_lock']
const COUNTED = ['users', 'sessions', 'auth_events']

/** Makes the tables of a database as they were after these migrations, the first ones. */
export async function migrateUntil(url: string, names: readonly string[]): Promise<void> {
  const address = parseUrl(url)
  const pool = new Pool(() => Connection.open(address, () => address.password), 1)
  const adapter = new WritingAdapter(SCHEMA)
  const db = new Kysely({ dialect: new LentDialect(pool, adapter), plugins: [new WithSchemaPlugin(SCHEMA)] })
  const some = Object.fromEntries(Object.entries(migrations).filter(([name]) => names.includes(name)))
  await db.transaction().execute(async (transaction) => {
    await adapter.beginMigrations(transaction)
    const provider = { getMigrations: async () => some }
    const { error } = await new Migrator({ db: transaction, provider, migrationTableSchema: SCHEMA }).migrateToLatest()
    if (error) throw error
  })
  await pool.close()
}

/** Makes a database that has the tables and rows that an old one of SQLite has. @returns its URL */
export async function restoreInto(server: Server, name: string, old: OldDatabase): Promise<string> {
  const url = await server.makeDatabase(name)
  const rows = rowsOf(old)
  const ofMigration = /VALUES \('([\w-]+)'/
  await migrateUntil(
    url,
    rows.flatMap(([table, statement]) => (table === 'kysely_migration' ? (ofMigration.exec(statement)?.[1] ?? []) : [])),
  )
  const statements = rows.flatMap(([table, statement]) => (OF_SQLITE.includes(table) ? [] : statement))
  const counts = COUNTED.map((table) => `select setval(pg_get_serial_sequence('${table}', 'id'), max(id)) from ${table};`)
  await server.sql([...statements, ...counts].join('\n'), name)
  return url
}
