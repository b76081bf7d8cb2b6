import type { Handle } from '../../db/database.ts'
import type { User } from '../../db/schema.ts'
import { lockUser } from '../../db/turns.ts'
import { findUserByName, replacePasswordHash } from '../../db/users.ts'
import type { Core } from '../context.ts'
import type { Origin } from '../events/record.ts'
import type { Refusals } from '../events/refusals.ts'
import type { Attempt, Limits } from '../limits/attempts.ts'
import type { Claimant } from '../limits/rules.ts'
import { findUserNamed } from '../names.ts'
import type { Hashing } from '../passwords/hashing.ts'
import { PASSWORD_MAX_LENGTH } from '../passwords/policy.ts'
import { type Granted, signPair, type TokenPair } from '../sessions/grant.ts'
import { findRoom, startSession } from '../sessions/start.ts'
import { codePoints, isStorable, strip } from '../text.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { deviceOf } from './device.ts'

/** What every comparison of a password needs. */
type PasswordCore = Core & { readonly hashing: Hashing; readonly limits: Limits; readonly refusals: Refusals }

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
  const granted = await withUser(core, origin, credentials, (user, attempt, password) => start(core, origin, user, password, attempt))
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

/** What is done for a user whose password was right. @param password in the form that was the right one */
type Work<T> = (user: User, attempt: Attempt, password: string) => Promise<T>

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
    const right = await rightForm(core.hashing, origin, user, password)
    if (user?.is_active && right !== undefined) return work(user, attempt, right)
    attempt.fail()
    const reason = user === undefined ? 'user_unknown' : user.is_active ? 'wrong_password' : 'user_disabled'
    core.refusals.note(origin, { kind: 'login_failed', reason, username: claimant.username, ...(user && { userId: user.id }) })
    return undefined
  })
}

/**
 * The form of a password that is the user's; undefined when none is. An unknown user costs the same work as a known one with a wrong
 * password.
 */
async function rightForm(hashing: Hashing, origin: Origin, user: User | undefined, password: string): Promise<string | undefined> {
  if (codePoints(password) > PASSWORD_MAX_LENGTH) return undefined
  for (const form of formsOf(password)) {
    const matches = await hashing.matches(origin, user?.password ?? hashing.decoy, form)
    // A lone surrogate is hashed as the replacement character, which would make two different passwords equal.
    if (matches && user !== undefined && form.isWellFormed()) return form
  }
  return undefined
}

/**
 * The forms in which a password is compared: as it was sent, in NFC and in NFD (Unicode Standard Annex #15), where these differ. It was
 * hashed as it was sent then, and another keyboard or browser sends another form of what is the same to the eye (RFC 8265 §4.2.1).
 */
function formsOf(password: string): Set<string> {
  return new Set([password, password.normalize('NFC'), password.normalize('NFD')])
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
  await lockUser(handle, user.id)
  // Each is one statement, or a few that do not depend on each other: they go to the database together.
  const [current, room, succeed] = await Promise.all([
    findUserByName(handle, user.username),
    findRoom(handle, core, user.id),
    attempt.succeedIn(handle),
  ])
  if (!current?.is_active || current.id !== user.id) return undefined
  if (current.password !== user.password) return 'changed'
  if (betterHash !== undefined) await replacePasswordHash(handle, user.id, user.password, betterHash)
  await succeed(user)
  return startSession(handle, core, origin, user, room)
}
