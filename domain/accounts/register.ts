import type { Database } from '../../db/database.ts'
import { insertUser, isNameTaken } from '../../db/users.ts'
import type { Clock } from '../clock.ts'
import { type FieldErrors, invalidFields, Problem } from '../errors.ts'
import { type Origin, recordEvent } from '../events/record.ts'
import type { Limits } from '../limits/attempts.ts'
import type { Hashing } from '../passwords/hashing.ts'
import { type PolicyContext, passwordFaults } from '../passwords/policy.ts'
import { fold } from '../text.ts'

export interface RegistrationContext extends PolicyContext {
  readonly db: Database
  readonly hashing: Hashing
  readonly limits: Limits
  readonly clock: Clock
  readonly config: PolicyContext['config'] & { readonly registration: 'open' | 'closed' }
}

/** What was sent, whatever it is; the name already trimmed. */
export interface Candidate {
  readonly username?: unknown
  readonly password?: unknown
}

const nameTaken = ['user login with this username already exists.']

/**
 * Registers a user. All that is wrong with both fields is told at once.
 *
 * @param shapeErrors what the schema found wrong with the fields, if anything
 * @throws {Problem} `invalid` with the errors by field, `registration_closed`, `throttled` or `overloaded`
 */
export async function register(
  context: RegistrationContext,
  origin: Origin,
  candidate: Candidate,
  shapeErrors: FieldErrors,
): Promise<void> {
  if (context.config.registration === 'closed') throw new Problem('registration_closed', 'Registration is closed.')
  if (shapeErrors.non_field_errors) throw invalidFields(shapeErrors)
  // Before anything is looked up or hashed: whoever asks which names are taken is slowed down, and told nothing when closed.
  await context.limits.registration(origin)
  const errors = await allErrors(context, candidate, shapeErrors)
  if (Object.keys(errors).length > 0) throw invalidFields(errors)
  await insert(context, origin, candidate as { username: string; password: string })
}

async function allErrors(context: RegistrationContext, { username, password }: Candidate, shapeErrors: FieldErrors): Promise<FieldErrors> {
  const name = typeof username === 'string' && !shapeErrors.username ? username : undefined
  const faults = typeof password === 'string' && password !== '' ? await passwordFaults(context, password, name) : []
  const passwordErrors = [...(shapeErrors.password ?? []), ...faults]
  const isTaken = name !== undefined && (await isNameTaken(context.db.read, fold(name)))
  const usernameErrors = isTaken ? nameTaken : (shapeErrors.username ?? [])
  return {
    ...(passwordErrors.length > 0 && { password: passwordErrors }),
    ...(usernameErrors.length > 0 && { username: usernameErrors }),
  }
}

/** The name may be taken while the password is hashed, here or by another process: exactly one gets it. */
async function insert(
  { db, hashing, clock }: RegistrationContext,
  origin: Origin,
  user: { username: string; password: string },
): Promise<void> {
  const username_key = fold(user.username)
  const password = await hashing.hash(user.password)
  const isInserted = await db.write(async (handle) => {
    if (await isNameTaken(handle, username_key)) return false
    const now = clock()
    const userId = await insertUser(handle, { username: user.username, username_key, password, created_at: now })
    await recordEvent(handle, now, origin, { kind: 'user_registered', userId, username: user.username })
    return true
  })
  if (!isInserted) throw invalidFields({ username: nameTaken })
}
