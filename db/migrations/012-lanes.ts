import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('lane_places')
    .addColumn('lane', 'text', (column) => column.notNull())
    .addColumn('party', 'text', (column) => column.notNull())
    .addColumn('member', 'text', (column) => column.notNull())
    .addColumn('asked_at', 'bigint', (column) => column.notNull())
    .addColumn('at', 'bigint')
    .addColumn('is_used', 'integer', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('lane_places_key', ['lane', 'party', 'member'])
    .execute()
  await db.schema.createIndex('lane_places_in_order').on('lane_places').columns(['lane', 'at']).execute()
  await db.schema.createIndex('lane_places_to_forget').on('lane_places').column('expires_at').execute()
}
