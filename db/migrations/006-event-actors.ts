import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('auth_events').addColumn('actor_id', 'integer').execute()
  await db.schema.alterTable('auth_events').addColumn('actor_name', 'text').execute()
}
