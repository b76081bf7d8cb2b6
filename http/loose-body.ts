import { messageProblem, oauthProblem } from '../domain/errors.ts'
import { isFalsy, strip } from '../domain/text.ts'

// Three endpoints of the original API (a Django REST framework service with Simple JWT) never validated their bodies: a value that is
// false in Python counts as missing (400), any other value that is not a string as a wrong credential (401), and a body that is not an
// object as an empty one.

/** The validator of routes that read their body with this file: their schema is for the API document only, and refuses nothing. */
export const anyBody = () => () => true

/** The members of a body; none for one that is not an object. */
export function looseMembers(body: unknown): Readonly<Record<string, unknown>> {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? (body as Record<string, unknown>) : {}
}

/** Whether a body has a username or a password, whatever they are. */
export function hasCredentials(body: unknown): boolean {
  const { username, password } = looseMembers(body)
  return username !== undefined || password !== undefined
}

/**
 * Username, trimmed, and password of a body; undefined when one of them is not a string.
 *
 * @throws {Problem} `invalid` when one of them is missing
 */
export function looseCredentials(body: unknown): { username: string; password: string } | undefined {
  const { username: rawName, password } = looseMembers(body)
  const username = typeof rawName === 'string' ? strip(rawName) : rawName
  if (isFalsy(username) || isFalsy(password)) throw messageProblem('invalid', 'Username and password are required')
  return typeof username === 'string' && typeof password === 'string' ? { username, password } : undefined
}

/**
 * The refresh token of a body; undefined when it is not a string.
 *
 * @throws {Problem} `invalid` when it is missing
 */
export function looseRefreshToken(body: unknown): string | undefined {
  const { refresh } = looseMembers(body)
  if (isFalsy(refresh)) throw messageProblem('invalid', 'Refresh token is required')
  return typeof refresh === 'string' ? refresh : undefined
}

/**
 * The `token` parameter of a revocation or introspection request (RFC 7009 §2.1, RFC 7662 §2.1), unchanged.
 *
 * @throws {Problem} `invalid_request` when there is none; a parameter without a value counts as omitted (RFC 6749 §3.2)
 */
export function looseToken(body: unknown): string {
  const { token } = looseMembers(body)
  if (typeof token !== 'string' || token === '') throw oauthProblem('invalid_request', 'The parameter `token` is missing.')
  return token
}
