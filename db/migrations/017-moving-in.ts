import type { Kysely } from 'kysely'

/** What is known of users and tokens that came from another system, and of users that are no more. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const time of ['imported_at', 'tokens_revoked_at']) await db.schema.alterTable('users').addColumn(time, 'bigint').execute()
  await db.schema.alterTable('users').addColumn('imported_hash_md5', 'text').execute()

  await db.schema
    .createTable('deleted_users')
    .addColumn('user_id', 'integer', (column) => column.primaryKey())
    .addColumn('deleted_at', 'bigint', (column) => column.notNull())
    .execute()

  await db.schema
    .createTable('legacy_tokens')
    .addColumn('jti', 'text', (column) => column.primaryKey())
    .addColumn('user_id', 'integer', (column) => column.notNull().references('users.id').onDelete('cascade'))
    .addColumn('session_id', 'integer', (column) => column.references('sessions.id').onDelete('set null'))
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute()
  // By user and by session they are found when one of these is deleted.
  await db.schema.createIndex('legacy_tokens_of_user').on('legacy_tokens').column('user_id').execute()
  await db.schema.createIndex('legacy_tokens_of_session').on('legacy_tokens').column('session_id').execute()
  await db.schema.createIndex('legacy_tokens_to_forget').on('legacy_tokens').column('expires_at').execute()
}
