import type { Handle } from './database.ts'
import { hot } from './hot.ts'
import { countPasswords, countReplaced } from './password-kinds.ts'
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

/** A name, and its folded form. */
export type Name = Pick<User, 'username' | 'username_key'>

/**
 * Users with whom a new name is taken: who have it in its folded form, or just it, for a table that was restored or changed by other means may
 * have a folded name that is not that of the name.
 */
function namesakes(db: Handle, { username, username_key }: Name) {
  const users = db.selectFrom('users').select('id')
  return users.where((eb) => eb.or([eb('username_key', '=', username_key), eb('username', '=', username)]))
}

const namesake = hot((db, value: Name) => namesakes(db, value).limit(1))

/** Whether a new name is taken: see `insertNewUser`. */
export async function isNameTaken(db: Handle, { username, username_key }: Name): Promise<boolean> {
  return (await namesake(db, { username, username_key })).rows.length > 0
}

const otherNamesake = hot((db, value: Name & { id: number }) => namesakes(db, value).where('id', '!=', value.id).limit(1))

/** Whether a name is taken by another user than this one. */
export async function isNameOfAnother(db: Handle, userId: number, { username, username_key }: Name): Promise<boolean> {
  return (await otherNamesake(db, { username, username_key, id: userId })).rows.length > 0
}

const superuser = hot((db, value: { except: number; isStaff: 0 | 1 }) =>
  db
    .selectFrom('users')
    .select('id')
    .where('is_active', '=', 1)
    .where('is_staff', '=', value.isStaff)
    .where('is_superuser', '=', 1)
    .where('id', '!=', value.except)
    .limit(1),
)

/** Whether there is an active superuser, staff or not as asked for, beside this one. */
export async function hasOtherSuperuser(db: Handle, except: number, isStaff: 0 | 1): Promise<boolean> {
  return (await superuser(db, { except, isStaff })).rows.length > 0
}

type Registered = Pick<NewUser, 'username' | 'username_key' | 'password' | 'created_at'> & Partial<Pick<User, 'is_staff' | 'is_superuser'>>
type Stored = Required<Registered> & { readonly username_nfc: string | null }

const insert = hot((db, value: Stored) =>
  db
    .insertInto('users')
    .values({
      username: value.username,
      username_nfc: value.username_nfc,
      username_key: value.username_key,
      password: value.password,
      is_staff: value.is_staff,
      is_superuser: value.is_superuser,
      created_at: value.created_at,
      changed_at: value.created_at,
    })
    .returning('id'),
)

/** Adds a user; resolves to its id. @throws {QueryRefused} when exactly this name is taken */
export async function insertUser(db: Handle, user: Registered): Promise<number> {
  const { rows } = await insert(db, stored(user))
  const { id } = rows[0] as { id: number }
  await countPasswords(db, [{ userId: id, to: user.password }])
  return id
}

// The values are selected, so that a condition can go with them; a database then has to be told their types.
const insertNew = hot((db, value: Stored) => {
  const values = db.selectNoFrom((eb) => [
    eb.cast<string>(eb.val(value.username), 'text').as('username'),
    eb.cast<string | null>(eb.val(value.username_nfc), 'text').as('username_nfc'),
    eb.cast<string>(eb.val(value.username_key), 'text').as('username_key'),
    eb.cast<string>(eb.val(value.password), 'text').as('password'),
    eb.cast<0 | 1>(eb.val(value.is_staff), 'bigint').as('is_staff'),
    eb.cast<0 | 1>(eb.val(value.is_superuser), 'bigint').as('is_superuser'),
    eb.cast<number>(eb.val(value.created_at), 'bigint').as('created_at'),
    eb.cast<number>(eb.val(value.created_at), 'bigint').as('changed_at'),
  ])
  return db
    .insertInto('users')
    .columns(['username', 'username_nfc', 'username_key', 'password', 'is_staff', 'is_superuser', 'created_at', 'changed_at'])
    .expression(values.where(({ not, exists }) => not(exists(namesakes(db, value)))))
    .returning('id')
})

/**
 * Adds a user, in the turn at the name; resolves to its id, or to undefined when the name is taken, also one that looks the same but for case
 * or compatibility form. The table does not refuse a second one, for other systems may have both.
 */
export async function insertNewUser(db: Handle, user: Registered): Promise<number | undefined> {
  const id = (await insertNew(db, stored(user))).rows[0]?.id
  if (id !== undefined) await countPasswords(db, [{ userId: id, to: user.password }])
  return id
}

function stored(user: Registered): Stored {
  return { is_staff: 0, is_superuser: 0, ...user, username_nfc: nfcIfOther(user.username) }
}

/** A name in NFC, where it is not in NFC itself. */
export function nfcIfOther(username: string): string | null {
  const nfc = username.normalize('NFC')
  return nfc === username ? null : nfc
}

export type UserChange = Partial<Pick<User, 'username' | 'username_key' | 'is_active' | 'is_staff' | 'is_superuser'>>

/**
 * Changes name and flags of a user, at `at` (milliseconds since the epoch).
 *
 * @param change a `username` with its `username_key`
 * @throws {QueryRefused} when exactly this name is taken
 */
export async function updateUser(db: Handle, userId: number, change: UserChange, at: number): Promise<void> {
  const nfc = change.username === undefined ? {} : { username_nfc: nfcIfOther(change.username) }
  await db
    .updateTable('users')
    .set({ ...change, ...nfc, changed_at: at })
    .where('id', '=', userId)
    .execute()
}

const revocation = hot((db, value: { id: number; at: number }) =>
  db
    .updateTable('users')
    .set({ tokens_revoked_at: value.at })
    .where('id', '=', value.id)
    .where('imported_at', 'is not', null)
    // After a clock was ahead, what was revoked then stays so.
    .where((where) => where.or([where('tokens_revoked_at', 'is', null), where('tokens_revoked_at', '<', value.at)])),
)

/** Notes when all tokens of a user were revoked, in milliseconds since the epoch. Of a user who was not imported there are none but of sessions. */
export async function noteRevocation(db: Handle, userId: number, at: number): Promise<void> {
  await revocation(db, { id: userId, at })
}

const login = hot((db, value: { id: number; at: number }) =>
  db.updateTable('users').set({ last_login_at: value.at }).where('id', '=', value.id),
)

/** Notes when a user logged in, in milliseconds since the epoch. */
export async function noteLogin(db: Handle, userId: number, at: number): Promise<void> {
  await login(db, { id: userId, at })
}

/** Deletes a user, and all sessions and known addresses with it; notes that there was one, and when it was deleted (milliseconds since the epoch). */
export async function deleteUser(db: Handle, userId: number, at: number): Promise<void> {
  const deleted = await db.deleteFrom('users').where('id', '=', userId).returning('password').executeTakeFirst()
  if (deleted === undefined) return
  await db
    .insertInto('deleted_users')
    .values({ user_id: userId, deleted_at: at })
    // The row of a user whom somebody has brought back by other means than ours is still there.
    .onConflict((conflict) => conflict.column('user_id').doUpdateSet({ deleted_at: at }))
    .execute()
  await countPasswords(db, [{ userId, from: deleted.password }])
}

const password = hot((db, value: { id: number }) => db.selectFrom('users').select('password').where('id', '=', value.id))

/** Sets another password of a user who is locked, at `at` (milliseconds since the epoch). */
export async function setPasswordHash(db: Handle, userId: number, hash: string, at: number): Promise<void> {
  const [old] = (await password(db, { id: userId })).rows
  await db.updateTable('users').set({ password: hash, changed_at: at }).where('id', '=', userId).execute()
  if (old !== undefined) await countReplaced(db, userId, old.password, hash)
}

/** Replaces a hash by another one of the same password. Changes nothing when it is not `oldHash` any more. */
export async function replacePasswordHash(db: Handle, userId: number, oldHash: string, newHash: string): Promise<void> {
  const update = db.updateTable('users').set({ password: newHash }).where('id', '=', userId).where('password', '=', oldHash)
  const replaced = await update.returning('id').executeTakeFirst()
  if (replaced !== undefined) await countReplaced(db, userId, oldHash, newHash)
}

/** A flag, as its column has it. */
export function bit(isSet: boolean | undefined): 0 | 1 {
  return isSet ? 1 : 0
}
