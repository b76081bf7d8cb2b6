import type { FastifyRequest } from 'fastify'
import { normalAddress } from '../domain/address.ts'
import type { Origin } from '../domain/events/record.ts'

/** In characters. Browsers send less; a longer `User-Agent` is cut, so that nobody fills the database with it. */
const CLIENT_LENGTH_LIMIT = 200

/** Where a request came from. Node's parser refuses control characters in headers, so a `User-Agent` can be stored and printed as it is. */
export function originOf(request: FastifyRequest): Origin {
  return {
    address: addressOf(request) ?? null,
    client: request.headers['user-agent']?.slice(0, CLIENT_LENGTH_LIMIT) ?? null,
    requestId: request.id,
  }
}

/** The client's address: the rightmost of `X-Forwarded-For` and the socket's that is not in `TRUST_PROXY`. */
export function addressOf(request: FastifyRequest): string | undefined {
  return normalAddress(request.ip)
}
