import { type Kysely, sql } from 'kysely'

interface Tables {
  auth_events: { kind: string; user_id: number | null; username: string | null }
  users: { username: string }
}

/**
 * A name that is no user's may be a password, typed into the wrong field: from now on its hash alone is kept, and those of before go. They
 * have no hash, for its key is made later. The name of a user that was deleted stays where the event has the user's id.
 */
export async function up(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable('secrets')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('value', 'text', (column) => column.notNull())
    .execute()
  await db.schema.alterTable('auth_events').addColumn('name_hash', 'text').execute()
  await db
    .updateTable('auth_events')
    .set({ username: null })
    .where('kind', 'in', ['login_failed', 'login_throttled'])
    .where('user_id', 'is', null)
    .where('username', 'not in', (users) => users.selectFrom('users').select('username'))
    .execute()
  const ofUnknownNames = db.schema.createIndex('auth_events_of_unknown_name').on('auth_events').columns(['name_hash', 'at'])
  await ofUnknownNames.where(sql<boolean>`name_hash is not null`).execute()
  const ofAddresses = db.schema.createIndex('auth_events_of_address').on('auth_events').columns(['address', 'at'])
  await ofAddresses.where(sql<boolean>`user_id is null`).execute()
}
