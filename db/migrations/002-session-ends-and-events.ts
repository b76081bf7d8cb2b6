import { type Kysely, sql } from 'kysely'
import { neverReusedId } from './columns.ts'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('sessions')
    .addColumn('address', 'text', (column) => column.notNull().defaultTo(''))
    .execute()
  await db.schema
    .alterTable('sessions')
    .addColumn('client', 'text', (column) => column.notNull().defaultTo(''))
    .execute()
  await db.schema.alterTable('sessions').addColumn('pending_jti', 'text').execute()
  await db.schema.dropIndex('sessions_user_id').execute()
  await db.schema.createIndex('sessions_of_user').on('sessions').columns(['user_id', 'ended_at']).execute()
  await db.schema.createIndex('sessions_to_expire').on('sessions').column('refresh_exp').where(sql<boolean>`ended_at is null`).execute()
  await db.schema.createIndex('sessions_to_forget').on('sessions').column('ended_at').where(sql<boolean>`ended_at is not null`).execute()

  await db.schema
    .createTable('auth_events')
    .addColumn('id', ...neverReusedId(db))
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('last_at', 'bigint', (column) => column.notNull())
    .addColumn('count', 'integer', (column) => column.notNull().defaultTo(1))
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('reason', 'text')
    .addColumn('user_id', 'integer')
    .addColumn('username', 'text')
    .addColumn('session_id', 'integer')
    .addColumn('subject', 'text')
    .addColumn('address', 'text')
    .addColumn('client', 'text')
    .addColumn('request_id', 'text')
    .execute()
  await db.schema.createIndex('auth_events_of_user').on('auth_events').columns(['username', 'at']).execute()
  await db.schema.createIndex('auth_events_at').on('auth_events').column('at').execute()
}
