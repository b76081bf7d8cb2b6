import { type Kysely, sql } from 'kysely'

interface Tables {
  users: { created_at: number; changed_at: number }
}

/** What staff is, and sees of users. */
export async function up(db: Kysely<Tables>): Promise<void> {
  for (const flag of ['is_staff', 'is_superuser']) {
    await db.schema
      .alterTable('users')
      .addColumn(flag, 'integer', (column) => column.notNull().defaultTo(0))
      .execute()
  }
  await db.schema.alterTable('users').addColumn('last_login_at', 'bigint').execute()
  await db.schema.alterTable('users').addColumn('email', 'text').execute()
  await db.schema
    .alterTable('users')
    .addColumn('changed_at', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute()
  await db
    .updateTable('users')
    .set((row) => ({ changed_at: row.ref('created_at') }))
    .execute()
  await indexUsers(db)
  await indexEvents(db)
}

/** Users are listed by folded name and id: all of them, or those with some flags (`users-list.ts`). */
async function indexUsers(db: Kysely<Tables>): Promise<void> {
  await db.schema.dropIndex('users_username_key').execute()
  await db.schema.createIndex('users_in_order').on('users').columns(['username_key', 'id']).execute()
  const flags = ['is_active', 'is_staff', 'is_superuser']
  await db.schema
    .createIndex('users_by_flags')
    .on('users')
    .columns([...flags, 'username_key', 'id'])
    .execute()
}

/**
 * Events are listed by user, also of one that is no more, and by kind. SQLite, which counts no rows, would be led by the kind also where a name or
 * a time leads to fewer: so the index is on an expression that only the list by kind has.
 */
async function indexEvents(db: Kysely<Tables>): Promise<void> {
  const ofUsers = db.schema.createIndex('auth_events_of_user_id').on('auth_events').columns(['user_id', 'at'])
  await ofUsers.where(sql<boolean>`user_id is not null`).execute()
  await sql`create index auth_events_of_kind on auth_events ((kind || ''), at)`.execute(db)
}
