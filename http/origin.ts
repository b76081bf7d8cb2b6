import type { FastifyRequest } from 'fastify'
import { normalAddress } from '../domain/address.ts'
import type { Origin } from '../domain/events/record.ts'

/** Where a request came from. */
export function originOf(request: FastifyRequest): Origin {
  return {
    address: addressOf(request) ?? null,
    client: request.headers['user-agent'] ?? null,
    requestId: request.id,
  }
}

/** The client's address: the rightmost of `X-Forwarded-For` and the socket's that is not in `TRUST_PROXY`. */
export function addressOf(request: FastifyRequest): string | undefined {
  return normalAddress(request.ip)
}
