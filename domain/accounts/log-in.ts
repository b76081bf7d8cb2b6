import type { Handle } from '../../db/database.ts'
import { isForeign } from '../../db/password-hashes.ts'
import type { User } from '../../db/schema.ts'
import { lockUser } from '../../db/turns.ts'
import { findUserByName, replacePasswordHash } from '../../db/users.ts'
import type { Core } from '../context.ts'
import type { Origin } from '../events/record.ts'
import type { Refusals } from '../events/refusals.ts'
import { hashMd5 } from '../imported.ts'
import type { Attempt, Limits } from '../limits/attempts.ts'
import type { Claimant } from '../limits/rules.ts'
import { findUserNamed } from '../names.ts'
import type { Decoys } from '../passwords/decoys.ts'
import type { Hashing } from '../passwords/hashing.ts'
import { PASSWORD_MAX_LENGTH } from '../passwords/policy.ts'
import { formsOf, type RightPassword } from '../passwords/typed-forms.ts'
import { type Granted, signPair, type TokenPair } from '../sessions/grant.ts'
import { findRoom, startSession } from '../sessions/start.ts'
import { codePoints, isStorable, strip } from '../text.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { deviceOf } from './device.ts'

/** What every comparison of a password needs. */
type PasswordCore = Core & { readonly hashing: Hashing; readonly decoys: Decoys; readonly limits: Limits; readonly refusals: Refusals }

/** What every way to log in needs, and to confirm a change with the password. */
export type LoginCore = PasswordCore & { readonly tokens: Tokens }

/** What a client shows to log in, as it was sent. */
export interface Credentials {
  /** Is trimmed as it was at registration, and may be in another Unicode form than the user's: see `findUserNamed`. */
  readonly username: string
  /** Is compared as it is, and in its other Unicode forms: see `formsOf`. */
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
  const granted = await withUser(core, origin, credentials, (user, attempt, right) => start(core, origin, user, right, attempt))
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
  work: Work<T>,
): Promise<T | undefined> {
  const claim = async () => {
    const typed = strip(username)
    const user = await findUserNamed(core.db.read, typed)
    const name = user?.username ?? typed
    const find = async () => (isStorable(name) ? findUserByName(core.db.read, name) : undefined)
    return { username: name, device: await deviceOf(core, deviceToken, name), user, find }
  }
  return withPassword(core, origin, claim, password, work)
}

/** What is done for a user whose password was right. */
type Work<T> = (user: User, attempt: Attempt, right: RightPassword) => Promise<T>

/** Whose password is compared. The limits count the name also where there is no such user. */
interface Claimed extends Claimant {
  readonly user: User | undefined
  /** Looks the user up again, after a wait. */
  readonly find: () => Promise<User | undefined>
}

/**
 * Does some work for the user, if active and the password is right. Every comparison of a password goes through here, so the
 * limits on guessing hold for all of them, and each wrong password is an event.
 *
 * @param claim is called once it is known that a hash can be computed
 * @param work settles the attempt
 * @returns undefined for a wrong password
 * @throws {Problem} `throttled` or `overloaded`
 */
export async function withPassword<T>(
  core: PasswordCore,
  origin: Origin,
  claim: () => Promise<Claimed>,
  password: string,
  work: Work<T>,
): Promise<T | undefined> {
  await core.hashing.refuseIfFull(origin)
  const { user: claimed, find, ...claimant } = await claim()
  return core.limits.attempt(origin, claimant, async (attempt) => {
    const user = attempt.hasWaited ? await find() : claimed
    const right = await rightForm(core, origin, user, claimant.username, password)
    if (user?.is_active && right !== undefined) return work(user, attempt, right)
    attempt.fail()
    const reason = user === undefined ? 'user_unknown' : user.is_active ? 'wrong_password' : 'user_disabled'
    core.refusals.note(origin, { kind: 'login_failed', reason, username: claimant.username, ...(user && { userId: user.id }) })
    return undefined
  })
}

/**
 * A password in the form that is the user's; undefined when none is. A name that is no user's, or a user with whose hash nothing is compared,
 * costs the same work as a known one with a wrong password.
 */
async function rightForm(
  { hashing, decoys }: PasswordCore,
  origin: Origin,
  user: User | undefined,
  name: string,
  typed: string,
): Promise<RightPassword | undefined> {
  if (codePoints(typed) > PASSWORD_MAX_LENGTH) return undefined
  // Found also where it is not needed, so that finding it takes no time that a known name does not.
  const decoy = decoys.of(name)
  const isComparable = user !== undefined && hashing.isComparable(user.password, isMadeHere(user))
  const stored = isComparable ? user.password : decoy
  for (const [compared, right] of formsOf(typed, isForeign(stored))) {
    const matches = await hashing.matches(origin, stored, compared)
    // A lone surrogate is hashed as the replacement character, which would make two different passwords equal.
    if (matches && isComparable && compared.isWellFormed()) return right
  }
  return undefined
}

/** Whether the user's hash is not the one that came with an import. */
function isMadeHere({ password, imported_hash_md5 }: User): boolean {
  return imported_hash_md5 === null || imported_hash_md5 !== hashMd5(password)
}

async function start(
  core: PasswordCore,
  origin: Origin,
  user: User,
  { password, isRightTrimmed }: RightPassword,
  attempt: Attempt,
): Promise<Granted | 'changed' | undefined> {
  const { hashing, db } = core
  // Ours are not compared trimmed. Whoever types white space around the password once, or always, could log in with one of both no more: so
  // the hash of the other system, with which both are right, stays until the password is typed as it is. It also stays where it does not tell
  // all of the password: a typing error in the rest would become the password.
  const isReplaced = !isRightTrimmed && hashing.isWeaker(user.password) && hashing.isComparedWhole(user.password, password)
  const betterHash = isReplaced ? await hashing.hash(origin, password) : undefined
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
  await lockUser(handle, user.id)
  // Each is one statement, or a few that do not depend on each other: they go to the database together.
  const [current, room, succeed] = await Promise.all([
    findUserByName(handle, user.username),
    findRoom(handle, core, user.id),
    attempt.succeedIn(handle),
  ])
  if (!current?.is_active || current.id !== user.id) return undefined
  if (current.password !== user.password) return 'changed'
  await succeed(user)
  const granted = await startSession(handle, core, origin, user, room)
  // At last, for it locks a count that others wait for.
  if (betterHash !== undefined) await replacePasswordHash(handle, user.id, user.password, betterHash)
  return granted
}
