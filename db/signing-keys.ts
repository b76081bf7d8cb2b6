import type { Handle } from './database.ts'
import type { SigningKeyRow } from './schema.ts'

/** All signing keys, newest first. */
export async function listSigningKeys(db: Handle): Promise<SigningKeyRow[]> {
  return db.selectFrom('signing_keys').selectAll().orderBy('created_at', 'desc').orderBy('kid').execute()
}

export async function insertSigningKey(db: Handle, key: SigningKeyRow): Promise<void> {
  await db.insertInto('signing_keys').values(key).execute()
}
