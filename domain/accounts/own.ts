import type { Handle } from '../../db/database.ts'
import type { User } from '../../db/schema.ts'
import { lockUser, takeTurns } from '../../db/turns.ts'
import { findUserById, setPasswordHash } from '../../db/users.ts'
import type { Core } from '../context.ts'
import { bearerProblem, type FieldErrors, invalidFields, type Problem, TokenProblem, userInactive, userNotFound } from '../errors.ts'
import { recordOfUser } from '../events/of-users.ts'
import type { Origin } from '../events/record.ts'
import type { BreachCheck } from '../passwords/breach-check.ts'
import type { Estimator } from '../passwords/estimator.ts'
import { passwordFaults } from '../passwords/policy.ts'
import type { Caller } from '../sessions/checks.ts'
import { endingNow, endSessions, isLive } from '../sessions/ends.ts'
import { type Granted, signPair, type TokenPair } from '../sessions/grant.ts'
import { findBySid } from '../sessions/sid.ts'
import { findRoom, startSession } from '../sessions/start.ts'
import { deleteLocked } from './deletion.ts'
import { deviceOf } from './device.ts'
import { lockOut } from './lock-out.ts'
import { type Credentials, type LoginCore, withPassword } from './log-in.ts'

// What users do to their own account.

/** What a user who is logged in confirms a change with. */
type Confirmation = Omit<Credentials, 'username'>

/** Djoser's text for the same fault, which clients of Django know. */
const wrongPassword = ['Invalid password.']

/**
 * Changes a user's password, ends every session of the user, also the one that asks, and starts a fresh one: whoever else holds tokens of
 * the user, stolen from whichever session, is out.
 *
 * @returns the tokens of the fresh session
 *
 * @throws {Problem} `invalid` under `current_password` or `new_password`; `throttled`; `overloaded`; as `authenticate` does, when the
 *   user or the session went meanwhile
 */
export async function changePassword(
  core: LoginCore & { readonly breachCheck: BreachCheck; readonly estimator: Estimator },
  origin: Origin,
  caller: Caller,
  passwords: { readonly current: string; readonly next: string; readonly deviceToken?: string | undefined },
): Promise<TokenPair> {
  const user = await existing(core, caller)
  const current = { password: passwords.current, deviceToken: passwords.deviceToken }
  const currentErrors = await currentPasswordErrors(core, origin, user, current, 'current_password')
  const faults = await passwordFaults(core, origin, passwords.next, user.username)
  const errors = { ...currentErrors, ...(faults.length > 0 && { new_password: faults }) }
  if (Object.keys(errors).length > 0) throw invalidFields(errors)
  const newHash = await core.hashing.hash(origin, passwords.next)
  const result = await core.db.write((handle) => replacePassword(handle, core, origin, caller, user, newHash))
  if (result === 'changed') return changePassword(core, origin, caller, passwords)
  if (result instanceof Error) throw result
  return signPair(core, result)
}

/** Writes nothing when the password was changed meanwhile, or the session that asks has ended. */
async function replacePassword(
  handle: Handle,
  core: Core,
  origin: Origin,
  caller: Caller,
  user: User,
  newHash: string,
): Promise<Granted | Problem | 'changed'> {
  await lockUser(handle, user.id)
  const found = await findBySid(handle, { user_id: caller.id, sid: caller.sid })
  if (found === undefined) return userNotFound()
  if (!found.user.is_active) return userInactive()
  if (!isLive(found.session, core.clock())) return bearerProblem(new TokenProblem('ended'))
  if ((await findUserById(handle, user.id))?.password !== user.password) return 'changed'
  await setPasswordHash(handle, user.id, newHash, core.clock())
  const ending = endingNow(core, origin, 'password_changed')
  await endSessions(handle, user, 'all', ending)
  const { id: userId, username } = user
  await recordOfUser(handle, ending.at, origin, { kind: 'password_changed', userId, username, sid: caller.sid })
  return startSession(handle, core, origin, user, await findRoom(handle, core, user.id), { reason: 'password_changed' })
}

/**
 * Deletes a user, with all sessions.
 *
 * @throws {Problem} `invalid` under `password`; `throttled`; `overloaded`; `user_not_found` when the user was deleted meanwhile; `conflict` for
 *   the last active superuser
 */
export async function deleteAccount(core: LoginCore, origin: Origin, caller: Caller, confirmation: Confirmation): Promise<void> {
  const user = await existing(core, caller)
  const errors = await currentPasswordErrors(core, origin, user, confirmation, 'password')
  if (Object.keys(errors).length > 0) throw invalidFields(errors)
  const result = await core.db.write((handle) => deleteUnlessChanged(handle, core, origin, user))
  if (result instanceof Error) throw result
  if (result === 'changed') return deleteAccount(core, origin, caller, confirmation)
}

async function deleteUnlessChanged(handle: Handle, core: Core, origin: Origin, user: User): Promise<Problem | 'changed' | 'deleted'> {
  if (user.is_superuser) await takeTurns(handle, 'administration')
  await lockUser(handle, user.id)
  const current = await findUserById(handle, user.id)
  if (current === undefined) return userNotFound()
  if (!current.is_active) return userInactive()
  // Superusers have taken a turn, so that they are counted one after the other.
  if (current.password !== user.password || current.is_superuser !== user.is_superuser) return 'changed'
  const refusal = await lockOut(handle, current, undefined)
  if (refusal !== undefined) return refusal
  await deleteLocked(handle, core, current, { origin })
  return 'deleted'
}

async function existing({ db }: Core, caller: Caller): Promise<User> {
  const user = await findUserById(db.read, caller.id)
  if (user === undefined) throw userNotFound()
  if (!user.is_active) throw userInactive()
  return user
}

/** The wrong password of a user who is logged in is an error of its field, not a 401: the access token is good. */
export async function currentPasswordErrors(
  core: LoginCore,
  origin: Origin,
  user: User,
  { password, deviceToken }: Confirmation,
  field: string,
): Promise<FieldErrors> {
  const { username } = user
  const claim = async () => ({ username, device: await deviceOf(core, deviceToken, username), user, find: async () => user })
  const isRight = await withPassword(core, origin, claim, password, async (_user, attempt) => {
    attempt.succeed(user)
    return true
  })
  return isRight ? {} : { [field]: wrongPassword }
}
