import { type Kysely, sql } from 'kysely'

interface Tables {
  users: { id: number; username: string; username_nfc: string | null; username_key: string }
}

const BATCH = 1000

/**
 * Names that differ only by characters that are not seen have the same key from now on, and a name that is not in NFC is found by it. What
 * a user logs in with stays as it is.
 */
export async function up(db: Kysely<Tables>): Promise<void> {
  await db.schema.alterTable('users').addColumn('username_nfc', 'text').execute()
  for (let after = 0; ; ) {
    const users = await db
      .selectFrom('users')
      .select(['id', 'username', 'username_key'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(BATCH)
      .execute()
    for (const user of users) await bringUpToDate(db, user)
    const last = users.at(-1)
    if (last === undefined) break
    after = last.id
  }
  const ofForms = db.schema.createIndex('users_username_nfc').on('users').column('username_nfc')
  await ofForms.where(sql<boolean>`username_nfc is not null`).execute()
}

async function bringUpToDate(db: Kysely<Tables>, user: { id: number; username: string; username_key: string }): Promise<void> {
  const nfc = user.username.normalize('NFC')
  const username_nfc = nfc === user.username ? null : nfc
  const username_key = fold(user.username)
  if (username_nfc === null && username_key === user.username_key) return
  await db.updateTable('users').set({ username_nfc, username_key }).where('id', '=', user.id).execute()
}

// As `fold` of domain/text.ts was when this migration was written, which stays as it is when that one changes.

function fold(text: string): string {
  const once = foldCase(text.replace(IGNORABLE, '').normalize('NFD')).normalize('NFKC')
  return foldCase(once).normalize('NFKC')
}

const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu

function foldCase(text: string): string {
  return text.replace(/[^\u0131]/gu, (character) => character.toLowerCase().toUpperCase().toLowerCase())
}
