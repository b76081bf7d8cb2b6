import type { Handle } from './database.ts'

/** The stored text of a secret, which may be encrypted. */
export async function findSecret(db: Handle, name: string): Promise<string | undefined> {
  return (await db.selectFrom('secrets').select('value').where('name', '=', name).executeTakeFirst())?.value
}

/** Adds a secret. Where there is one of this name, it stays: of two processes that add one, the first wins. */
export async function insertSecret(db: Handle, name: string, value: string): Promise<void> {
  await db
    .insertInto('secrets')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute()
}

/** Replaces the stored text of a secret. Changes nothing when it is not `before` any more. */
export async function replaceSecret(db: Handle, name: string, before: string, value: string): Promise<void> {
  await db.updateTable('secrets').set({ value }).where('name', '=', name).where('value', '=', before).execute()
}

/** Deletes a secret, if its stored text is `before`. */
export async function deleteSecret(db: Handle, name: string, before: string): Promise<void> {
  await db.deleteFrom('secrets').where('name', '=', name).where('value', '=', before).execute()
}
