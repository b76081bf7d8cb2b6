import type { FastifyRequest } from 'fastify'
import type { ClientCredentials } from '../domain/accounts/clients.ts'
import { oauthProblem } from '../domain/errors.ts'
import { looseMembers } from './loose-body.ts'

/** Match no client: missing or malformed credentials are refused in the same way as wrong ones. */
const noCredentials: ClientCredentials = { clientId: '', clientSecret: '' }

/**
 * The credentials of a client (RFC 6749 §2.3.1): from HTTP Basic, or from `client_id` and `client_secret` in the body.
 *
 * @returns credentials that match no client when they are missing or malformed
 * @throws {Problem} `invalid_request` for both at once (RFC 6749 §2.3). A `client_id` without a secret does not authenticate: it may be
 *   in the body beside the header of the same client
 */
export function clientCredentials({ headers, body }: FastifyRequest): ClientCredentials {
  const { client_id: clientId, client_secret: clientSecret } = looseMembers(body)
  const basic = basicCredentials(headers.authorization ?? '')
  if (basic === undefined) {
    return typeof clientId === 'string' && typeof clientSecret === 'string' ? { clientId, clientSecret } : noCredentials
  }
  if (isGiven(clientSecret) || (isGiven(clientId) && clientId !== basic.clientId)) {
    throw oauthProblem('invalid_request', 'A client authenticates by the Authorization header or in the body, not by both.')
  }
  return basic
}

/** A parameter without a value counts as omitted (RFC 6749 §3.2). */
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== ''
}

/** The credentials of a Basic header (RFC 7617), both parts form-urlencoded (RFC 6749 §2.3.1); undefined for any other header. */
function basicCredentials(header: string): ClientCredentials | undefined {
  const [scheme = '', encoded = '', ...more] = header.split(' ').filter((word) => word !== '')
  if (scheme.toLowerCase() !== 'basic') return undefined
  const [clientId, ...secret] = Buffer.from(encoded, 'base64').toString().split(':')
  if (clientId === undefined || secret.length === 0 || more.length > 0) return noCredentials
  try {
    return { clientId: formDecoded(clientId), clientSecret: formDecoded(secret.join(':')) }
  } catch {
    return noCredentials
  }
}

/** @throws {URIError} when it is not form-urlencoded */
function formDecoded(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '))
}
