import type { Kysely } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import * as usersSessionsKeys from './migrations/001-users-sessions-keys.ts'
import type { Tables } from './schema.ts'

const migrations: Record<string, Migration> = {
  '001-users-sessions-keys': usersSessionsKeys,
}

/**
 * Brings the tables up to date, in one transaction: of several processes that start together one does it.
 *
 * @throws when a migration fails, or when the database was made by a newer version
 */
export async function migrate(db: Kysely<Tables>): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    const migrator = new Migrator({ db: transaction, provider: { getMigrations: async () => migrations } })
    const { error } = await migrator.migrateToLatest()
    if (error) throw error
  })
}
