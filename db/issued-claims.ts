import type { Handle } from './database.ts'
import type { IssuedClaim } from './schema.ts'

/** All issuers and audiences that tokens were issued with and may still be alive. */
export async function listIssuedClaims(db: Handle): Promise<IssuedClaim[]> {
  return db.selectFrom('issued_claims').selectAll().execute()
}

/** Adds one, or replaces what is known of its use. */
export async function noteIssuedClaim(db: Handle, { claim, value, used_at, token_ttl }: IssuedClaim): Promise<void> {
  await db
    .insertInto('issued_claims')
    .values({ claim, value, used_at, token_ttl })
    .onConflict((conflict) => conflict.columns(['claim', 'value']).doUpdateSet({ used_at, token_ttl }))
    .execute()
}

/** Deletes one, if it is there. */
export async function deleteIssuedClaim(db: Handle, { claim, value }: Pick<IssuedClaim, 'claim' | 'value'>): Promise<void> {
  await db.deleteFrom('issued_claims').where('claim', '=', claim).where('value', '=', value).execute()
}
