import type { Kysely } from 'kysely'

/** Rows to lock, where transactions run side by side (`turns.ts`). */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('locks')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .execute()
}
