import type { Kysely } from 'kysely'

interface Tables {
  signing_keys: { token_ttl: number }
  issued_claims: { claim: string; value: string; used_at: number; token_ttl: number }
}

/** Longer than the refresh tokens of any sensible setting, where the keys do not say how long theirs live. */
const A_MONTH_SECONDS = 2_592_000

export async function up(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable('issued_claims')
    .addColumn('claim', 'text', (column) => column.notNull())
    .addColumn('value', 'text', (column) => column.notNull())
    .addColumn('used_at', 'bigint', (column) => column.notNull())
    .addColumn('token_ttl', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('issued_claims_key', ['claim', 'value'])
    .execute()
  const { keys, longest } = await db
    .selectFrom('signing_keys')
    .select((eb) => [eb.fn.countAll().as('keys'), eb.fn.max('token_ttl').as('longest')])
    .executeTakeFirstOrThrow()
  if (Number(keys) === 0) return
  // Until now the issuer said port 3000 where PUBLIC_URL was unset, whatever PORT was.
  const used = { used_at: Date.now(), token_ttl: longest || A_MONTH_SECONDS }
  await db
    .insertInto('issued_claims')
    .values([
      { claim: 'iss', value: 'http://localhost:3000', ...used },
      { claim: 'aud', value: '', ...used },
    ])
    .execute()
}
