import type { Database, Handle } from '../../db/database.ts'
import type { User } from '../../db/schema.ts'
import { findUserAndSession } from '../../db/sessions.ts'
import { deleteUser, findUserById, findUserByName, replacePasswordHash, setUserActive } from '../../db/users.ts'
import type { Clock } from '../clock.ts'
import { bearerProblem, type FieldErrors, invalidFields, type Problem, TokenProblem, userInactive, userNotFound } from '../errors.ts'
import { noOrigin, type Origin, recordEvent } from '../events/record.ts'
import { type PolicyContext, passwordFaults } from '../passwords/policy.ts'
import type { Caller } from '../sessions/checks.ts'
import { endSessions } from '../sessions/ends.ts'
import { endingNow, type Granted, isLive, rotate, type SessionSettings, signPair, type TokenPair } from '../sessions/refresh.ts'
import { checkPassword, type LoginContext } from './log-in.ts'

/** As Djoser says it, whose clients then find their text. */
const wrongPassword = ['Invalid password.']

/**
 * Changes a user's password, ends the other sessions, and gives the one that asks its next tokens.
 *
 * @throws {Problem} `invalid` under `current_password` or `new_password`; `throttled`; `overloaded`; as `authenticate` does, when the
 *   user or the session went meanwhile
 */
export async function changePassword(
  context: LoginContext & PolicyContext,
  origin: Origin,
  caller: Caller,
  passwords: { readonly current: string; readonly next: string },
): Promise<TokenPair> {
  const user = await existing(context, caller)
  const currentErrors = await currentPasswordErrors(context, origin, user, passwords.current, 'current_password')
  const faults = await passwordFaults(context, passwords.next, user.username)
  const errors = { ...currentErrors, ...(faults.length > 0 && { new_password: faults }) }
  if (Object.keys(errors).length > 0) throw invalidFields(errors)
  const newHash = await context.hashing.hash(passwords.next)
  const result = await context.db.write((handle) => replacePassword(handle, context, origin, caller, user, newHash))
  if (result === 'changed') return changePassword(context, origin, caller, passwords)
  if (result instanceof Error) throw result
  return signPair(context, result)
}

/** Somebody else may have changed the password meanwhile, or ended the session: then nothing is written. */
async function replacePassword(
  handle: Handle,
  context: LoginContext,
  origin: Origin,
  caller: Caller,
  user: User,
  newHash: string,
): Promise<Granted | Problem | 'changed'> {
  const found = await findUserAndSession(handle, caller.id, caller.sessionId)
  if (found === undefined) return userNotFound()
  if (!found.user.is_active) return userInactive()
  if (!isLive(found.session, context.clock())) return bearerProblem(new TokenProblem('ended'))
  if ((await findUserById(handle, user.id))?.password !== user.password) return 'changed'
  await replacePasswordHash(handle, user.id, user.password, newHash)
  const ending = endingNow(context, origin, 'password_changed')
  await endSessions(handle, user, { except: caller.sessionId }, ending)
  await recordEvent(handle, ending.at, origin, {
    kind: 'password_changed',
    userId: user.id,
    username: user.username,
    sessionId: caller.sessionId,
  })
  return rotate(handle, context, origin, found.session)
}

/**
 * Deletes a user, with all sessions.
 *
 * @throws {Problem} `invalid` under `password`; `throttled`; `overloaded`; `user_not_found` when somebody else was faster
 */
export async function deleteAccount(context: LoginContext, origin: Origin, caller: Caller, password: string): Promise<void> {
  const user = await existing(context, caller)
  const errors = await currentPasswordErrors(context, origin, user, password, 'password')
  if (Object.keys(errors).length > 0) throw invalidFields(errors)
  const result = await context.db.write(async (handle) => {
    const current = await findUserById(handle, user.id)
    if (current === undefined) return 'gone'
    if (current.password !== user.password) return 'changed'
    const ending = endingNow(context, origin, 'user_deleted')
    await endSessions(handle, user, {}, ending)
    await recordEvent(handle, ending.at, origin, { kind: 'user_deleted', userId: user.id, username: user.username })
    await deleteUser(handle, user.id)
    return 'deleted'
  })
  if (result === 'gone') throw userNotFound()
  if (result === 'changed') return deleteAccount(context, origin, caller, password)
}

async function existing({ db }: LoginContext, caller: Caller): Promise<User> {
  const user = await findUserById(db.read, caller.id)
  if (user === undefined) throw userNotFound()
  if (!user.is_active) throw userInactive()
  return user
}

/** A wrong password of a user who is logged in is a wrong field. */
async function currentPasswordErrors(
  context: LoginContext,
  origin: Origin,
  user: User,
  password: string,
  field: string,
): Promise<FieldErrors> {
  const isRight = await checkPassword(context, origin, user.username, async () => user, password)
  return isRight ? {} : { [field]: wrongPassword }
}

export interface OperatorContext {
  readonly db: Database
  readonly clock: Clock
  readonly config: SessionSettings
}

/**
 * Enables a user, or disables one and ends all sessions.
 *
 * @returns false when there is no user of exactly this name
 */
export async function setActive({ db, clock, config }: OperatorContext, username: string, isActive: boolean): Promise<boolean> {
  return db.write(async (handle) => {
    const user = await findUserByName(handle, username)
    if (user === undefined) return false
    await setUserActive(handle, user.id, isActive)
    if (!isActive) await endSessions(handle, user, {}, endingNow({ config, clock }, noOrigin, 'user_disabled'))
    await recordEvent(handle, clock(), noOrigin, { kind: isActive ? 'user_enabled' : 'user_disabled', userId: user.id, username })
    return true
  })
}

/**
 * Ends all sessions of a user.
 *
 * @returns how many; undefined when there is no user of exactly this name
 */
export async function logOutUser({ db, clock, config }: OperatorContext, username: string): Promise<number | undefined> {
  return db.write(async (handle) => {
    const user = await findUserByName(handle, username)
    return user && endSessions(handle, user, {}, endingNow({ config, clock }, noOrigin, 'admin'))
  })
}
