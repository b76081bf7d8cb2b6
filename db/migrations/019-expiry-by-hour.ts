import { type Kysely, sql } from 'kysely'
import { adapterOf } from '../dialect.ts'
import { computed } from './columns.ts'

/** The next version of a row is written into the rest, and takes the place of the one before the last. */
const FULL_PERCENT = 80

/**
 * Sessions are found by the hour in which they expire. An index on the second changes at each refresh, and on PostgreSQL a row of which one
 * index changes gets a new entry in all of them, which are then to be tidied up.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropIndex('sessions_to_expire').execute()
  // Before the column, which has PostgreSQL write the table anew.
  await adapterOf(db).leaveRoom?.(db, 'sessions', FULL_PERCENT)
  await db.schema.alterTable('sessions').addColumn('refresh_exp_hour', 'integer', computed(db, sql`refresh_exp / 3600`)).execute()
  const index = db.schema.createIndex('sessions_to_expire').on('sessions').column('refresh_exp_hour')
  await index.where(sql<boolean>`ended_at is null`).execute()
}
