import type { Handle } from '../../db/database.ts'
import type { User } from '../../db/schema.ts'
import { findUserByName, replacePasswordHash } from '../../db/users.ts'
import type { Origin } from '../events/record.ts'
import type { Limits } from '../limits/attempts.ts'
import type { Hashing } from '../passwords/hashing.ts'
import { PASSWORD_MAX_LENGTH } from '../passwords/policy.ts'
import { type Granted, type SessionContext, signPair, startSession, type TokenPair } from '../sessions/refresh.ts'
import { codePoints, isStorable, strip } from '../text.ts'

export interface LoginContext extends SessionContext {
  readonly hashing: Hashing
  readonly limits: Limits
}

/**
 * The active user with this name and password. Unknown and disabled users cost the same work as a wrong password.
 *
 * @param username is trimmed as it was at registration; the password is compared as it is
 * @throws {Problem} `throttled` or `overloaded`
 */
export async function checkCredentials(
  context: LoginContext,
  origin: Origin,
  username: string,
  password: string,
): Promise<User | undefined> {
  const name = strip(username)
  const find = async () => (isStorable(name) ? findUserByName(context.db.read, name) : undefined)
  return checkPassword(context, origin, name, find, password)
}

/**
 * The user, if active and the password is right. This is the one way to compare a password: the limits on guessing hold
 * for all that do, and a failure is noted.
 *
 * @param username as it was told: it counts also where there is no such user
 * @param find only called when the password is compared
 * @throws {Problem} `throttled` or `overloaded`
 */
export async function checkPassword(
  context: LoginContext,
  origin: Origin,
  username: string,
  find: () => Promise<User | undefined>,
  password: string,
): Promise<User | undefined> {
  return context.limits.attempt(origin, username, async () => {
    const user = await find()
    const matches = await passwordMatches(context.hashing, user, password)
    if (user?.is_active && matches) return user
    const reason = user === undefined ? 'user_unknown' : user.is_active ? 'wrong_password' : 'user_disabled'
    context.refusals.note(origin, { kind: 'login_failed', reason, username, ...(user && { userId: user.id }) })
    return undefined
  })
}

/** Nobody's password costs the same work. */
async function passwordMatches(hashing: Hashing, user: User | undefined, password: string): Promise<boolean> {
  if (codePoints(password) > PASSWORD_MAX_LENGTH) return false
  const matches = await hashing.matches(user?.password ?? hashing.decoy, password)
  // A lone surrogate is hashed as the replacement character, and that is another password.
  return matches && password.isWellFormed() && user !== undefined
}

/**
 * Starts a session for a name and password.
 *
 * @returns its tokens, or undefined for wrong credentials
 * @throws {Problem} `throttled` or `overloaded`
 */
export async function logIn(context: LoginContext, origin: Origin, username: string, password: string): Promise<TokenPair | undefined> {
  const user = await checkCredentials(context, origin, username, password)
  if (user === undefined) return undefined
  const { hashing } = context
  const betterHash = hashing.isWeaker(user.password) ? await hashing.hash(password) : undefined
  const granted = await context.db.write((handle) => startUnlessChanged(handle, context, origin, user, betterHash))
  // The hash was replaced since it was compared: what is stored now decides.
  return granted === 'changed' ? logIn(context, origin, username, password) : granted && signPair(context, granted)
}

/** While the password was hashed, the user may have been disabled or deleted, or the password changed. */
async function startUnlessChanged(
  handle: Handle,
  context: LoginContext,
  origin: Origin,
  user: User,
  betterHash: string | undefined,
): Promise<Granted | 'changed' | undefined> {
  const current = await findUserByName(handle, user.username)
  if (!current?.is_active || current.id !== user.id) return undefined
  if (current.password !== user.password) return 'changed'
  if (betterHash !== undefined) await replacePasswordHash(handle, user.id, user.password, betterHash)
  return startSession(handle, context, origin, user)
}
