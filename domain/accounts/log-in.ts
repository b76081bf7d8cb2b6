import type { Handle } from '../../db/database.ts'
import type { User } from '../../db/schema.ts'
import { takeTurn } from '../../db/turns.ts'
import { findUserByName, replacePasswordHash } from '../../db/users.ts'
import type { Core } from '../context.ts'
import type { Origin } from '../events/record.ts'
import type { Refusals } from '../events/refusals.ts'
import type { Attempt, Limits } from '../limits/attempts.ts'
import type { Claimant } from '../limits/rules.ts'
import type { Hashing } from '../passwords/hashing.ts'
import { PASSWORD_MAX_LENGTH } from '../passwords/policy.ts'
import { type Granted, signPair, type TokenPair } from '../sessions/grant.ts'
import { startSession } from '../sessions/start.ts'
import { codePoints, isStorable, strip } from '../text.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { deviceOf } from './device.ts'

/** What every comparison of a password needs. */
type PasswordCore = Core & { readonly hashing: Hashing; readonly limits: Limits; readonly refusals: Refusals }

/** What every way to log in needs, and to confirm a change with the password. */
export type LoginCore = PasswordCore & { readonly tokens: Tokens }

/** What a client shows to log in, as it was sent. */
export interface Credentials {
  /** Is trimmed as it was at registration. */
  readonly username: string
  /** Is compared as it is. */
  readonly password: string
  /** A refresh token that the client was given before: see `deviceOf`. */
  readonly deviceToken?: string | undefined
}

/** What came of a login. Its answer depends on the route. */
export type Login = { readonly kind: 'granted'; readonly tokens: TokenPair } | { readonly kind: 'refused' }

/**
 * Logs a user in by name and password: starts a session. Its failures are forgiven, and its address is remembered, in the
 * transaction that does so.
 *
 * @throws {Problem} `throttled` or `overloaded`
 */
export async function logIn(core: LoginCore, origin: Origin, credentials: Credentials): Promise<Login> {
  const { password } = credentials
  const granted = await withUser(core, origin, credentials, (user, attempt) => start(core, origin, user, password, attempt))
  // The hash was replaced after it had been compared: compare with the new one.
  if (granted === 'changed') return logIn(core, origin, credentials)
  return granted === undefined ? { kind: 'refused' } : { kind: 'granted', tokens: signPair(core, granted) }
}

/**
 * The active user with this name and password, without a session. Unknown and disabled users cost the same work as a wrong
 * password.
 *
 * @throws {Problem} `throttled` or `overloaded`
 */
export function checkCredentials(core: LoginCore, origin: Origin, credentials: Credentials): Promise<User | undefined> {
  return withUser(core, origin, credentials, async (user, attempt) => {
    attempt.succeed(user)
    return user
  })
}

async function withUser<T>(
  core: LoginCore,
  origin: Origin,
  { username, password, deviceToken }: Credentials,
  work: (user: User, attempt: Attempt) => Promise<T>,
): Promise<T | undefined> {
  const name = strip(username)
  const find = async () => (isStorable(name) ? findUserByName(core.db.read, name) : undefined)
  const device = await deviceOf(core, deviceToken, name)
  return withPassword(core, origin, { username: name, device, find }, password, work)
}

/** Whose password is compared. `find` is called after the limits, which count the name also where there is no such user. */
interface Claimed extends Claimant {
  readonly find: () => Promise<User | undefined>
}

/**
 * Does some work for the user, if active and the password is right. Every comparison of a password goes through here, so the
 * limits on guessing hold for all of them, and each wrong password is an event.
 *
 * @param work settles the attempt
 * @returns undefined for a wrong password
 * @throws {Problem} `throttled` or `overloaded`
 */
export async function withPassword<T>(
  core: PasswordCore,
  origin: Origin,
  { find, ...claimant }: Claimed,
  password: string,
  work: (user: User, attempt: Attempt) => Promise<T>,
): Promise<T | undefined> {
  await core.hashing.refuseIfFull(origin)
  return core.limits.attempt(origin, claimant, async (attempt) => {
    const user = await find()
    const matches = await passwordMatches(core.hashing, origin, user, password)
    if (user?.is_active && matches) return work(user, attempt)
    attempt.fail()
    const reason = user === undefined ? 'user_unknown' : user.is_active ? 'wrong_password' : 'user_disabled'
    core.refusals.note(origin, { kind: 'login_failed', reason, username: claimant.username, ...(user && { userId: user.id }) })
    return undefined
  })
}

/** An unknown user costs the same work as a known one. */
async function passwordMatches(hashing: Hashing, origin: Origin, user: User | undefined, password: string): Promise<boolean> {
  if (codePoints(password) > PASSWORD_MAX_LENGTH) return false
  const matches = await hashing.matches(origin, user?.password ?? hashing.decoy, password)
  // A lone surrogate is hashed as the replacement character, which would make two different passwords equal.
  return matches && password.isWellFormed() && user !== undefined
}

async function start(
  core: PasswordCore,
  origin: Origin,
  user: User,
  password: string,
  attempt: Attempt,
): Promise<Granted | 'changed' | undefined> {
  const { hashing, db } = core
  const betterHash = hashing.isWeaker(user.password) ? await hashing.hash(origin, password) : undefined
  const granted = await db.write((handle) => startUnlessChanged(handle, core, origin, user, attempt, betterHash))
  if (granted === 'changed') attempt.giveBack()
  if (granted === undefined) attempt.fail()
  return granted
}

/** While the password was hashed, the user may have been disabled or deleted, or the password changed. */
async function startUnlessChanged(
  handle: Handle,
  core: Core,
  origin: Origin,
  user: User,
  attempt: Attempt,
  betterHash: string | undefined,
): Promise<Granted | 'changed' | undefined> {
  await takeTurn(handle, `user ${user.id}`)
  const current = await findUserByName(handle, user.username)
  if (!current?.is_active || current.id !== user.id) return undefined
  if (current.password !== user.password) return 'changed'
  if (betterHash !== undefined) await replacePasswordHash(handle, user.id, user.password, betterHash)
  await attempt.succeedIn(handle, user)
  return startSession(handle, core, origin, user)
}
