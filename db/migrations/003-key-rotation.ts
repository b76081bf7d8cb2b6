import { createPublicKey } from 'node:crypto'
import type { Kysely } from 'kysely'

interface Tables {
  signing_keys: { kid: string; private_key: string | null; public_key: string | null }
}

export async function up(db: Kysely<Tables>): Promise<void> {
  await db.schema.alterTable('signing_keys').addColumn('public_key', 'text').execute()
  for (const name of ['signs_from', 'used_at', 'token_ttl']) {
    await db.schema
      .alterTable('signing_keys')
      .addColumn(name, 'bigint', (column) => column.notNull().defaultTo(0))
      .execute()
  }
  await db.schema.alterTable('signing_keys').addColumn('retired_at', 'bigint').execute()

  const keys = await db.selectFrom('signing_keys').select(['kid', 'private_key']).execute()
  for (const { kid, private_key } of keys) {
    if (private_key === null) continue
    await db
      .updateTable('signing_keys')
      .set({ public_key: publicPem(kid, private_key) })
      .where('kid', '=', kid)
      .execute()
  }
}

function publicPem(kid: string, privateKey: string): string {
  try {
    return createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }) as string
  } catch (error) {
    throw new Error(`signing key ${kid} of the database cannot be read: ${(error as Error).message}`)
  }
}
