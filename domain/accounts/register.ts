import { takeTurns } from '../../db/turns.ts'
import { insertNewUser } from '../../db/users.ts'
import type { Core } from '../context.ts'
import { type FieldErrors, invalidFields, Problem } from '../errors.ts'
import { type Origin, recordEvent } from '../events/record.ts'
import type { Limits } from '../limits/attempts.ts'
import { rememberNetwork } from '../limits/known-networks.ts'
import type { BreachCheck } from '../passwords/breach-check.ts'
import type { Estimator } from '../passwords/estimator.ts'
import type { Hashing } from '../passwords/hashing.ts'
import { passwordFaults } from '../passwords/policy.ts'
import { fold } from '../text.ts'
import { nameKeyFaults, nameTaken, turnAt } from './new-names.ts'

type RegistrationCore = Core & {
  readonly hashing: Hashing
  readonly limits: Limits
  readonly breachCheck: BreachCheck
  readonly estimator: Estimator
}

/** A body as it was received: a member may be of any type. The name is trimmed already. */
export interface Candidate {
  readonly username?: unknown
  readonly password?: unknown
}

/**
 * Registers a user. An answer names everything that is wrong with both fields.
 *
 * @param shapeErrors what the schema found wrong with the fields, if anything
 * @throws {Problem} `invalid` with the errors by field, `registration_closed`, `throttled` or `overloaded`
 */
export async function register(core: RegistrationCore, origin: Origin, candidate: Candidate, shapeErrors: FieldErrors): Promise<void> {
  if (core.config.registration === 'closed') throw new Problem('registration_closed', 'Registration is closed.')
  if (shapeErrors.non_field_errors) throw invalidFields(shapeErrors)
  await core.hashing.refuseIfFull(origin)
  // Before the name is looked up: registration reveals which names are taken, and the limit slows such questions down.
  await core.limits.registration(origin)
  const errors = await allErrors(core, origin, candidate, shapeErrors)
  if (Object.keys(errors).length > 0) throw invalidFields(errors)
  await insert(core, origin, candidate as { username: string; password: string })
}

async function allErrors(
  core: RegistrationCore,
  origin: Origin,
  { username, password }: Candidate,
  shapeErrors: FieldErrors,
): Promise<FieldErrors> {
  const name = typeof username === 'string' && !shapeErrors.username ? username : undefined
  const faults = typeof password === 'string' && password !== '' ? await passwordFaults(core, origin, password, name) : []
  const passwordErrors = [...(shapeErrors.password ?? []), ...faults]
  const nameErrors = name === undefined ? [] : await nameKeyFaults(core.db.read, { username: name, username_key: fold(name) })
  const usernameErrors = nameErrors.length > 0 ? nameErrors : (shapeErrors.username ?? [])
  return {
    ...(passwordErrors.length > 0 && { password: passwordErrors }),
    ...(usernameErrors.length > 0 && { username: usernameErrors }),
  }
}

/** Looks the name up again in the transaction: it may have been taken while the password was hashed. */
async function insert(core: RegistrationCore, origin: Origin, user: { username: string; password: string }): Promise<void> {
  const { db, hashing, clock } = core
  const username_key = fold(user.username)
  const password = await hashing.hash(origin, user.password)
  const isInserted = await db.write(async (handle) => {
    await takeTurns(handle, turnAt(username_key))
    const now = clock()
    const userId = await insertNewUser(handle, { username: user.username, username_key, password, created_at: now })
    if (userId === undefined) return false
    await rememberNetwork(handle, core, { id: userId }, origin, false)
    await recordEvent(handle, now, origin, { kind: 'user_registered', userId, username: user.username })
    return true
  })
  if (!isInserted) throw invalidFields({ username: nameTaken })
}
