import { domainToUnicode } from 'node:url'
import type { Core } from '../context.ts'
import type { Origin } from '../events/record.ts'
import { codePoints, fold } from '../text.ts'
import type { BreachCheck } from './breach-check.ts'
import { isListed } from './common.ts'
import type { Estimator } from './estimator.ts'

/** In code points, as all lengths here. */
export const PASSWORD_MIN_LENGTH = 8
/** A longer one is refused before it is hashed or folded: folding takes a time that grows with the square of the length. */
export const PASSWORD_MAX_LENGTH = 1024
/** Shorter names, folded, are part of too many good passwords. */
const SIMILAR_NAME_MIN_LENGTH = 4

type PolicyCore = Pick<Core, 'config'> & { readonly breachCheck: BreachCheck; readonly estimator: Estimator }

/**
 * What is wrong with a new password, in Django's words; empty when nothing is.
 *
 * @param origin in whose name it waits to be judged
 * @param username the name it is for, or undefined when there is no usable one
 * @throws {Problem} `overloaded` when too many wait to be judged
 */
export async function passwordFaults(core: PolicyCore, origin: Origin, password: string, username: string | undefined): Promise<string[]> {
  const length = codePoints(password)
  // The schema says so already.
  if (length > PASSWORD_MAX_LENGTH) return []
  const faults: string[] = []
  if (length < PASSWORD_MIN_LENGTH) {
    faults.push(`This password is too short. It must contain at least ${PASSWORD_MIN_LENGTH} characters.`)
  }
  faults.push(...(await weaknesses(core, origin, fold(password))))
  if (username !== undefined && isSimilar(password, username)) faults.push('The password is too similar to the username.')
  // A password that is refused anyway is not sent to another host.
  if (faults.length > 0) return faults
  return (await core.breachCheck.isBreached(password)) ? ['This password has appeared in a data breach.'] : []
}

/** What is guessed is too common, or entirely numeric where it is digits, of any script. What is on the list is too common either way. */
async function weaknesses(core: PolicyCore, origin: Origin, password: string): Promise<string[]> {
  const isNumeric = /^\p{Nd}+$/u.test(password)
  const isGuessed = await core.estimator.isGuessed(origin, password)
  const isTooCommon = (isGuessed && !isNumeric) || (await isCommon(password, core.config.publicUrl))
  return [
    ...(isTooCommon ? ['This password is too common.'] : []), //
    ...(isGuessed && isNumeric ? ['This password is entirely numeric.'] : []),
  ]
}

/** One contains the other, whatever their case, and without what is not seen of them. */
function isSimilar(password: string, username: string): boolean {
  const [a, b] = [fold(password), fold(username)]
  return codePoints(b) >= SIMILAR_NAME_MIN_LENGTH && (a.includes(b) || (a !== '' && b.includes(a)))
}

/** In the list, or made of the service's names and nothing else but digits and punctuation: `Latchkey2026!`. */
async function isCommon(password: string, publicUrl: string): Promise<boolean> {
  if (await isListed(password)) return true
  const rest = namesOfService(publicUrl).reduce((text, name) => text.replaceAll(name, ' '), password)
  return rest !== password && !/\p{L}/u.test(rest)
}

/** `latchkey`, and the host of `PUBLIC_URL`: whole, by label and by word. The longest come first, since one may be part of another. */
function namesOfService(publicUrl: string): string[] {
  const host = fold(domainToUnicode(new URL(publicUrl).hostname))
  const names = ['latchkey', host, ...host.split('.'), ...host.split(/[^\p{L}\p{N}]+/u)]
  return names.filter((name) => codePoints(name) > 1 && /\p{L}/u.test(name)).sort((a, b) => b.length - a.length)
}
