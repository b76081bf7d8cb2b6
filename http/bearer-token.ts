import type { FastifyRequest } from 'fastify'
import { challenge, notAuthenticated, Problem } from '../domain/errors.ts'

/**
 * The bearer token of a request (RFC 6750 §2.1): the scheme in any case, then spaces, then one word.
 *
 * @throws {Problem} `not_authenticated` without a bearer token, `bad_authorization_header` for none or several words
 */
export function bearerToken({ headers }: FastifyRequest): string {
  const [scheme = '', ...words] = (headers.authorization ?? '').split(' ').filter((word) => word !== '')
  if (scheme.toLowerCase() !== 'bearer') {
    throw notAuthenticated()
  }
  const [token] = words
  if (token === undefined || words.length > 1) {
    throw new Problem('bad_authorization_header', 'Authorization header must contain two space-delimited values', { headers: challenge })
  }
  return token
}
