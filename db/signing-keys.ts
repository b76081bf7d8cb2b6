import type { Handle } from './database.ts'
import { hot } from './hot.ts'
import type { SigningKeyRow } from './schema.ts'

const list = hot((db) => db.selectFrom('signing_keys').selectAll().orderBy('created_at', 'desc').orderBy('kid'))

/** All signing keys, newest first. Each process reads them twice a second. */
export async function listSigningKeys(db: Handle): Promise<SigningKeyRow[]> {
  return (await list(db, {})).rows
}

/** Adds a key. */
export async function insertSigningKey(db: Handle, key: SigningKeyRow): Promise<void> {
  await db.insertInto('signing_keys').values(key).execute()
}

export type SigningKeyUpdate = Partial<Omit<SigningKeyRow, 'kid' | 'use' | 'algorithm' | 'created_at'>>

/** Changes columns of a key, if it is there. */
export async function updateSigningKey(db: Handle, kid: string, update: SigningKeyUpdate): Promise<void> {
  await db.updateTable('signing_keys').set(update).where('kid', '=', kid).execute()
}

/** Deletes a key, if it is there. */
export async function deleteSigningKey(db: Handle, kid: string): Promise<void> {
  await db.deleteFrom('signing_keys').where('kid', '=', kid).execute()
}
