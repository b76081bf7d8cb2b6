import { codePoints, fold } from './text.ts'

/** In code points, as all lengths here. */
export const PASSWORD_MIN_LENGTH = 8
/** A longer one is no user's, and is not hashed; nor is it folded, which takes a time that grows with the square of it. */
export const PASSWORD_MAX_LENGTH = 1024
/** Shorter names are part of too many words. */
const SIMILAR_NAME_MIN_LENGTH = 4

/**
 * What is wrong with a new password, in Django's words; empty when nothing is.
 *
 * @param username the name it is for, or undefined when there is no usable one
 */
export async function passwordFaults(password: string, username: string | undefined): Promise<string[]> {
  const faults: string[] = []
  if (codePoints(password) < PASSWORD_MIN_LENGTH) {
    faults.push(`This password is too short. It must contain at least ${PASSWORD_MIN_LENGTH} characters.`)
  }
  const isTooLong = codePoints(password) > PASSWORD_MAX_LENGTH
  if (!isTooLong && (await commonPasswords()).has(fold(password))) faults.push('This password is too common.')
  if (/^\p{Nd}+$/u.test(password)) faults.push('This password is entirely numeric.')
  if (!isTooLong && username !== undefined && isSimilar(password, username)) faults.push('The password is too similar to the username.')
  return faults
}

/** One contains the other, whatever their case. */
function isSimilar(password: string, username: string): boolean {
  const [a, b] = [fold(password), fold(username)]
  return codePoints(username) >= SIMILAR_NAME_MIN_LENGTH && (a.includes(b) || b.includes(a))
}

let common: Promise<ReadonlySet<string>> | undefined

/** Some 49 000 of the most used passwords, folded. Loaded at the first call: a service that only logs in never needs them. */
export function commonPasswords(): Promise<ReadonlySet<string>> {
  common ??= import('@zxcvbn-ts/language-common').then(({ dictionary }) => new Set(dictionary['passwords-common'].map(fold)))
  return common
}
