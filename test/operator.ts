import { changeUser } from '../domain/accounts/users.ts'
import { endSessionsOf } from '../domain/accounts/users-sessions.ts'
import type { Core } from '../domain/context.ts'
import { findUserNamed } from '../domain/names.ts'

// What the operator does by command, without a process.

/** Enables or disables a user. */
export async function setActive(core: Core, username: string, isActive: boolean): Promise<void> {
  await changeUser(core, undefined, await idOf(core, username), { isActive })
}

/** Ends all sessions of a user. */
export async function logOutUser(core: Core, username: string): Promise<void> {
  await endSessionsOf(core, undefined, await idOf(core, username))
}

/** Makes a user staff, or a superuser, or neither. */
export async function setFlags(core: Core, username: string, flags: { isStaff?: boolean; isSuperuser?: boolean }): Promise<void> {
  await changeUser(core, undefined, await idOf(core, username), flags)
}

export async function idOf({ db }: Pick<Core, 'db'>, username: string): Promise<number> {
  const user = await findUserNamed(db.read, username)
  if (user === undefined) throw new Error(`there is no user ${username}`)
  return user.id
}
