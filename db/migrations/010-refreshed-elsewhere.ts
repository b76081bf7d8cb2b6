import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('sessions').addColumn('elsewhere_at', 'bigint').execute()
  await db.schema.alterTable('sessions').addColumn('elsewhere_address', 'text').execute()
  await db.schema.alterTable('sessions').addColumn('elsewhere_client', 'text').execute()
}
