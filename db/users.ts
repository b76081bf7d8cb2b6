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

/** Whether there is a user with this folded name: see `insertNewUser`. */
export async function isNameTaken(db: Handle, usernameKey: string): Promise<boolean> {
  return (await byKey(db, { key: usernameKey })).rows.length > 0
}

type Registered = Pick<NewUser, 'username' | 'username_key' | 'password' | 'created_at'>
type Stored = Registered & { readonly username_nfc: string | null }

const insert = hot((db, value: Stored) =>
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
  const { rows } = await insert(db, stored(user))
  return (rows[0] as { id: number }).id
}

// The values are selected, so that a condition can go with them; a database then has to be told their types.
const insertNew = hot((db, value: Stored) => {
  const values = db.selectNoFrom((eb) => [
    eb.cast<string>(eb.val(value.username), 'text').as('username'),
    eb.cast<string | null>(eb.val(value.username_nfc), 'text').as('username_nfc'),
    eb.cast<string>(eb.val(value.username_key), 'text').as('username_key'),
    eb.cast<string>(eb.val(value.password), 'text').as('password'),
    eb.cast<number>(eb.val(value.created_at), 'bigint').as('created_at'),
  ])
  const same = db.selectFrom('users').select('id').where('username_key', '=', value.username_key)
  return db
    .insertInto('users')
    .columns(['username', 'username_nfc', 'username_key', 'password', 'created_at'])
    .expression(values.where(({ not, exists }) => not(exists(same))))
    .returning('id')
})

/**
 * Adds a user, in the turn at the name; resolves to its id, or to undefined when the folded name is taken, which names share that look the
 * same but for case or compatibility form. The table does not refuse a second one, for other systems may have both.
 */
export async function insertNewUser(db: Handle, user: Registered): Promise<number | undefined> {
  return (await insertNew(db, stored(user))).rows[0]?.id
}

function stored(user: Registered): Stored {
  const nfc = user.username.normalize('NFC')
  return { ...user, username_nfc: nfc === user.username ? null : nfc }
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
