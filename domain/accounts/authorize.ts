import type { User } from '../../db/schema.ts'
import { findUserById } from '../../db/users.ts'
import type { Core } from '../context.ts'
import { invalidFields, notFound } from '../errors.ts'
import type { Origin } from '../events/record.ts'
import type { Caller } from '../sessions/checks.ts'
import { type Admin, type Need, refusalOf, takesSuperuser, unconfirmed } from './administration.ts'
import type { LoginCore } from './log-in.ts'
import { currentPasswordErrors } from './own.ts'

/** The row of a user who asks, and the session. */
export type Staff = User & Pick<Caller, 'sid'>

/**
 * The row of a user who asks for what staff may, as it is now: no claim of a token says so.
 *
 * @throws {Problem} `permission_denied`, `user_inactive` or `user_not_found`
 */
export async function staffOf({ db }: Pick<Core, 'db'>, caller: Pick<Caller, 'id' | 'sid'>, need: Need): Promise<Staff> {
  const user = await findUserById(db.read, caller.id)
  const refusal = refusalOf(user, need)
  if (refusal !== undefined) throw refusal
  return { ...(user as User), sid: caller.sid }
}

/** What is to be done, to whom if it is done to a user, and what it is confirmed with. */
interface Intent {
  readonly need: Need
  readonly userId?: number
  readonly currentPassword: string | undefined
  readonly deviceToken: string | undefined
}

/**
 * Refuses, before any work is done, what the transaction would refuse; and lets superusers confirm what only they may with their own password,
 * for whoever has no more than a stolen access token is not to have all users.
 *
 * @throws {Problem} `permission_denied`; `not_found`; `invalid` under `current_password`; `throttled`; `overloaded`
 */
export async function authorize(core: LoginCore, origin: Origin, actor: Staff, intent: Intent): Promise<Admin> {
  const { need, userId, currentPassword, deviceToken } = intent
  const target = userId === undefined ? undefined : await findUserById(core.db.read, userId)
  // Who may do it to nobody is not told who is there.
  const isMissing = userId !== undefined && target === undefined
  const refusal = refusalOf(actor, need, target) ?? (isMissing ? notFound() : undefined)
  if (refusal !== undefined) throw refusal
  const isConfirmed = takesSuperuser(need, target)
  if (isConfirmed) await confirm(core, origin, actor, { password: currentPassword, deviceToken })
  return { id: actor.id, username: actor.username, sid: actor.sid, origin, isConfirmed }
}

async function confirm(
  core: LoginCore,
  origin: Origin,
  actor: User,
  { password, deviceToken }: { readonly password: string | undefined; readonly deviceToken: string | undefined },
): Promise<void> {
  if (password === undefined) throw unconfirmed()
  const errors = await currentPasswordErrors(core, origin, actor, { password, deviceToken }, 'current_password')
  if (Object.keys(errors).length > 0) throw invalidFields(errors)
}
