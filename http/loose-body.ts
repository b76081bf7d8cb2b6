import { messageProblem, oauthProblem } from '../domain/errors.ts'
import { isFalsy, strip } from '../domain/text.ts'

// Three endpoints of the seed never validated their bodies: what Python takes for false is missing (400), and anything
// else that is no text is a wrong credential (401). A body that is no object counts as an empty one.

/** For routes that read their body by this file: the schema documents it, and refuses nothing. */
export const anyBody = () => () => true

/** The members of a body, whatever it is. */
export function looseMembers(body: unknown): Readonly<Record<string, unknown>> {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? (body as Record<string, unknown>) : {}
}

/**
 * Username, trimmed, and password of a body; undefined when one of them is no text.
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
 * The refresh token of a body; undefined when it is no text.
 *
 * @throws {Problem} `invalid` when it is missing
 */
export function looseRefreshToken(body: unknown): string | undefined {
  const { refresh } = looseMembers(body)
  if (isFalsy(refresh)) throw messageProblem('invalid', 'Refresh token is required')
  return typeof refresh === 'string' ? refresh : undefined
}

/**
 * The token of a request that follows OAuth, as it is.
 *
 * @throws {Problem} `invalid_request` when there is none; a parameter without a value is one left out (RFC 6749 §3.2)
 */
export function looseToken(body: unknown): string {
  const { token } = looseMembers(body)
  if (typeof token !== 'string' || token === '') throw oauthProblem('invalid_request', 'The parameter `token` is missing.')
  return token
}
