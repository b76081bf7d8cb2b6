import type { Kysely } from 'kysely'
import { neverReusedId } from './columns.ts'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('users')
    .addColumn('id', ...neverReusedId(db))
    .addColumn('username', 'text', (column) => column.notNull())
    .addColumn('username_key', 'text', (column) => column.notNull())
    .addColumn('password', 'text', (column) => column.notNull())
    .addColumn('is_active', 'integer', (column) => column.notNull().defaultTo(1))
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    // PostgreSQL would name it as the index below.
    .addUniqueConstraint('users_username_unique', ['username'])
    .execute()
  await db.schema.createIndex('users_username_key').on('users').column('username_key').execute()

  await db.schema
    .createTable('sessions')
    .addColumn('id', ...neverReusedId(db))
    .addColumn('user_id', 'integer', (column) => column.notNull().references('users.id').onDelete('cascade'))
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('refreshed_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('refresh_jti', 'text', (column) => column.notNull())
    .addColumn('refresh_iat', 'bigint', (column) => column.notNull())
    .addColumn('refresh_exp', 'bigint', (column) => column.notNull())
    .addColumn('replaced', 'text', (column) => column.notNull())
    .addColumn('ended_at', 'bigint')
    .addColumn('end_reason', 'text')
    .execute()
  await db.schema.createIndex('sessions_user_id').on('sessions').column('user_id').execute()

  await db.schema
    .createTable('signing_keys')
    .addColumn('kid', 'text', (column) => column.primaryKey())
    .addColumn('algorithm', 'text', (column) => column.notNull())
    .addColumn('private_key', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute()
}
