import type { Handle } from './database.ts'
import { hot } from './hot.ts'
import type { NewUser, User } from './schema.ts'

const byName = hot((db, value: { username: string }) => db.selectFrom('users').selectAll().where('username', '=', value.username))

/** The user of exactly this name. */
export async function findUserByName(db: Handle, username: string): Promise<User | undefined> {
  return (await byName(db, { username })).rows[0]
}

const byNames = hot((db, value: { username: string; nfc: string }) =>
  db
    .selectFrom('users')
    .selectAll()
    .where((eb) => eb.or([eb('username', '=', value.username), eb('username', '=', value.nfc), eb('username_nfc', '=', value.nfc)])),
)

/** The users whose name is `username`, or in NFC `nfc`, which is the NFC of `username`. */
export async function findUsersByNames(db: Handle, username: string, nfc: string): Promise<User[]> {
  return (await byNames(db, { username, nfc })).rows
}

const byId = hot((db, value: { id: number }) => db.selectFrom('users').selectAll().where('id', '=', value.id))

/** The user with this id. */
export async function findUserById(db: Handle, id: number): Promise<User | undefined> {
  return (await byId(db, { id })).rows[0]
}

const byKey = hot((db, value: { key: string }) => db.selectFrom('users').select('id').where('username_key', '=', value.key).limit(1))

/**
 * Whether there is a user with this folded name, which names share that look the same but for case or compatibility form. Whoever inserts the
 * name when it is free does both in the turn at it: the table does not refuse a second one.
 */
export async function isNameTaken(db: Handle, usernameKey: string): Promise<boolean> {
  return (await byKey(db, { key: usernameKey })).rows.length > 0
}

type Registered = Pick<NewUser, 'username' | 'username_key' | 'password' | 'created_at'>

const insert = hot((db, value: Registered & { username_nfc: string | null }) =>
  db
    .insertInto('users')
    .values({
      username: value.username,
      username_nfc: value.username_nfc,
      username_key: value.username_key,
      password: value.password,
      created_at: value.created_at,
    })
    .returning('id'),
)

/** Adds a user; resolves to its id. @throws {QueryRefused} when exactly this name is taken */
export async function insertUser(db: Handle, user: Registered): Promise<number> {
  const nfc = user.username.normalize('NFC')
  const { rows } = await insert(db, { ...user, username_nfc: nfc === user.username ? null : nfc })
  return (rows[0] as { id: number }).id
}

/** Enables or disables a user. */
export async function setUserActive(db: Handle, userId: number, isActive: boolean): Promise<void> {
  await db
    .updateTable('users')
    .set({ is_active: isActive ? 1 : 0 })
    .where('id', '=', userId)
    .execute()
}

/** Deletes a user, and all sessions and known addresses with it. */
export async function deleteUser(db: Handle, userId: number): Promise<void> {
  await db.deleteFrom('users').where('id', '=', userId).execute()
}

/** Replaces a password hash. Changes nothing when it is not `oldHash` any more. */
export async function replacePasswordHash(db: Handle, userId: number, oldHash: string, newHash: string): Promise<void> {
  await db.updateTable('users').set({ password: newHash }).where('id', '=', userId).where('password', '=', oldHash).execute()
}
