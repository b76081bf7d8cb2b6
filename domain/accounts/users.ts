import type { Handle } from '../../db/database.ts'
import type { User } from '../../db/schema.ts'
import { bit, findUserById, insertNewUser, setPasswordHash, type UserChange, updateUser } from '../../db/users.ts'
import { characterFaults } from '../characters.ts'
import type { Core } from '../context.ts'
import { type FieldErrors, invalidFields, notFound, Problem } from '../errors.ts'
import { type Origin, recordEvent } from '../events/record.ts'
import type { BreachCheck } from '../passwords/breach-check.ts'
import type { Estimator } from '../passwords/estimator.ts'
import type { Hashing } from '../passwords/hashing.ts'
import { PASSWORD_MAX_LENGTH, passwordFaults } from '../passwords/policy.ts'
import { endingNow, endSessions } from '../sessions/ends.ts'
import { codePoints, fold, strip } from '../text.ts'
import { administer, administerUser, type By, doneBy, takesSuperuser, unconfirmed } from './administration.ts'
import { deleteLocked } from './deletion.ts'
import { lockOut } from './lock-out.ts'
import { nameFaults, nameKeyFaults, nameShapeFaults, nameTaken, newName, turnAt } from './new-names.ts'

// What is done to the accounts of others, by staff or by the operator. Each is one transaction, with its events. All throw a `Problem`:
// `permission_denied`, `user_inactive` or `user_not_found` of whoever may not do it (any more), `not_found`, and what is said at each.

/** What new passwords take. */
export type PasswordsCore = Core & { readonly hashing: Hashing; readonly breachCheck: BreachCheck; readonly estimator: Estimator }

/** A user to be. The name is trimmed, and brought into NFC. */
export interface NewAccount {
  readonly username: string
  readonly password: string
  readonly isStaff?: boolean | undefined
  readonly isSuperuser?: boolean | undefined
}

/** Creates a user. @throws {Problem} `invalid` under `password` and `username`; `overloaded` */
export async function createUser(core: PasswordsCore, by: By, account: NewAccount): Promise<User> {
  const { origin, actor } = doneBy(by)
  const username = newName(account.username)
  const passwordErrors = await newPasswordFaults(core, origin, account.password, username)
  refuseInvalid({ password: passwordErrors, username: await nameFaults(core.db.read, username) })
  const username_key = fold(username)
  const row = { username, username_key, password: await core.hashing.hash(origin, account.password) }
  const flags = { is_staff: bit(account.isStaff), is_superuser: bit(account.isSuperuser) }
  return administer(core, { by, need: 'superuser', turn: turnAt(username_key) }, async (handle) => {
    const now = core.clock()
    const userId = await insertNewUser(handle, { ...row, ...flags, created_at: now })
    if (userId === undefined) return invalidFields({ username: nameTaken })
    await recordEvent(handle, now, origin, { kind: 'user_created', userId, username, ...(actor && { actor }) })
    return (await findUserById(handle, userId)) as User
  })
}

/** What is to be changed of a user. */
export interface UserChanges {
  readonly username?: string | undefined
  readonly isActive?: boolean | undefined
  readonly isStaff?: boolean | undefined
  readonly isSuperuser?: boolean | undefined
}

/** A user after a change, and the names of what was another before it. */
export interface Changed {
  readonly user: User
  readonly changed: readonly string[]
}

/**
 * Changes a user's name and flags: all of it, or nothing where a part is refused. Who is disabled has no session any more.
 *
 * @throws {Problem} `invalid` under `username`; `conflict` for one's own flags, and where no superuser would be left
 */
export async function changeUser(core: Core, by: By, userId: number, changes: UserChanges): Promise<Changed> {
  const { isActive, isStaff, isSuperuser } = changes
  const username = changes.username === undefined ? undefined : await nextName(core, userId, changes.username)
  const wanted: UserChange = {
    ...(username !== undefined && { username, username_key: fold(username) }),
    ...(isActive !== undefined && { is_active: bit(isActive) }),
    ...(isStaff !== undefined && { is_staff: bit(isStaff) }),
    ...(isSuperuser !== undefined && { is_superuser: bit(isSuperuser) }),
  }
  const turn = wanted.username_key === undefined ? undefined : turnAt(wanted.username_key)
  const need = needOf(changes)
  return administerUser(core, { by, need, userId, turn }, async (handle, user) => {
    // The user may have become one whose account only superusers change.
    if (by && !by.isConfirmed && takesSuperuser(need, user)) return unconfirmed()
    const refusal = await refusalOfChange(handle, by, user, wanted)
    return refusal ?? change(handle, core, by, user, wanted)
  })
}

/** The name that a user is to have. The one of now stays as it is, also where an import has brought what no new name may be. */
async function nextName({ db }: Core, userId: number, typed: string): Promise<string> {
  const user = await findUserById(db.read, userId)
  if (user?.username === strip(typed)) return user.username
  const name = newName(typed)
  refuseInvalid({ username: nameShapeFaults(name) })
  return name
}

/** Staff switches users on and off; all else takes a superuser. */
export function needOf({ username, isStaff, isSuperuser }: UserChanges): 'staff' | 'superuser' {
  return [username, isStaff, isSuperuser].every((one) => one === undefined) ? 'staff' : 'superuser'
}

async function refusalOfChange(handle: Handle, by: By, user: User, wanted: UserChange): Promise<Problem | undefined> {
  const after = { ...user, ...wanted }
  const isOfFlags = after.is_active !== user.is_active || after.is_staff !== user.is_staff || after.is_superuser !== user.is_superuser
  if (isOfFlags && by?.id === user.id) return new Problem('conflict', 'Nobody changes their own flags. Ask another superuser.')
  // An import may have brought another user with the same folded name: both keep theirs.
  const isRenamed = after.username !== user.username
  const faults = isRenamed ? await nameKeyFaults(handle, after, user.id) : []
  if (faults.length > 0) return invalidFields({ username: faults })
  return lockOut(handle, user, after)
}

async function change(handle: Handle, core: Core, by: By, user: User, wanted: UserChange): Promise<Changed> {
  const { origin, actor } = doneBy(by, user.id)
  if (wanted.is_active === 0) await endSessions(handle, user, 'all', endingNow(core, origin, 'user_disabled', actor))
  const now = core.clock()
  const differs = (column: keyof UserChange) => wanted[column] !== undefined && wanted[column] !== user[column]
  const fields = (['username', 'is_staff', 'is_superuser'] as const).filter(differs)
  const changed = [...fields, ...(differs('is_active') ? ['is_active'] : [])]
  if (changed.length === 0) return { user, changed }
  await updateUser(handle, user.id, wanted, now)
  const who = { userId: user.id, username: wanted.username ?? user.username, ...(actor && { actor }) }
  if (differs('is_active')) await recordEvent(handle, now, origin, { kind: wanted.is_active ? 'user_enabled' : 'user_disabled', ...who })
  const before = differs('username') ? { subject: user.username } : {}
  if (fields.length > 0) await recordEvent(handle, now, origin, { kind: 'user_changed', reason: fields.join(' '), ...who, ...before })
  return { user: (await findUserById(handle, user.id)) as User, changed }
}

/** Sets a user's password, and ends all sessions. @throws {Problem} `invalid` under `new_password`; `overloaded` */
export async function setPassword(core: PasswordsCore, by: By, userId: number, newPassword: string): Promise<void> {
  const { origin, actor } = doneBy(by, userId)
  const named = await findUserById(core.db.read, userId)
  if (named === undefined) throw notFound()
  refuseInvalid({ new_password: await newPasswordFaults(core, origin, newPassword, named.username) })
  const hash = await core.hashing.hash(origin, newPassword)
  await administerUser(core, { by, need: 'superuser', userId }, async (handle, user) => {
    const ending = endingNow(core, origin, 'password_changed', actor)
    await setPasswordHash(handle, userId, hash, core.clock())
    await endSessions(handle, user, 'all', ending)
    await recordEvent(handle, ending.at, origin, { kind: 'password_set', userId, username: user.username, ...(actor && { actor }) })
  })
}

/** Deletes a user, with all sessions. The events stay. @throws {Problem} `conflict` where no superuser would be left */
export async function deleteUser(core: Core, by: By, userId: number): Promise<void> {
  await administerUser(core, { by, need: 'superuser', userId }, async (handle, user) => {
    const refusal = await lockOut(handle, user, undefined)
    return refusal ?? deleteLocked(handle, core, user, doneBy(by, userId))
  })
}

/** What is wrong with a new password: in itself, as the schema of the API says it, too, else by the policy. */
async function newPasswordFaults(core: PasswordsCore, origin: Origin, password: string, username: string): Promise<string[]> {
  if (password === '') return ['This field may not be blank.']
  const isLong = codePoints(password) > PASSWORD_MAX_LENGTH
  const tooLong = isLong ? [`Ensure this field has no more than ${PASSWORD_MAX_LENGTH} characters.`] : []
  const faults = [...tooLong, ...characterFaults(password, 'text')]
  return faults.length > 0 ? faults : passwordFaults(core, origin, password, username)
}

function refuseInvalid(faults: FieldErrors): void {
  const errors = Object.fromEntries(Object.entries(faults).filter(([, texts]) => texts.length > 0))
  if (Object.keys(errors).length > 0) throw invalidFields(errors)
}
