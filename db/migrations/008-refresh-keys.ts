import type { Kysely } from 'kysely'

interface Tables {
  signing_keys: { token_ttl: number; refresh_until: number | null }
}

/** Until now all keys signed tokens of both types. From now on each has one use. */
export async function up(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .alterTable('signing_keys')
    .addColumn('use', 'text', (column) => column.notNull().defaultTo('access'))
    .execute()
  await db.schema.alterTable('signing_keys').addColumn('refresh_until', 'bigint').execute()
  await db
    .updateTable('signing_keys')
    .set({ refresh_until: Math.floor(Date.now() / 1000) })
    .execute()
  // A key also signed refresh tokens anew that an earlier one had signed, with their old expiry: each lives as long as all of them.
  const { longest } = await db
    .selectFrom('signing_keys')
    .select((eb) => eb.fn.max('token_ttl').as('longest'))
    .executeTakeFirstOrThrow()
  await db.updateTable('signing_keys').set({ token_ttl: longest }).where('token_ttl', '>', 0).execute()
}
