import type { FastifyRequest } from 'fastify'
import { normalAddress } from '../domain/address.ts'
import type { Origin } from '../domain/events/record.ts'

/** Where a request came from. */
export function originOf(request: FastifyRequest): Origin {
  return {
    address: addressOf(request) ?? null,
    client: request.headers['user-agent'] ?? null,
    requestId: request.id,
    isShared: isForwarded(request) && isOfSocket(request),
  }
}

/** The client's address: the rightmost of `X-Forwarded-For` and the socket's that is not in `TRUST_PROXY`. */
export function addressOf(request: FastifyRequest): string | undefined {
  return normalAddress(request.ip)
}

/** Whether a request says that it comes through a proxy, by `X-Forwarded-For`, `Forwarded` (RFC 7239) or `X-Real-IP`. */
export function isForwarded({ headers }: FastifyRequest): boolean {
  return headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined || headers['x-real-ip'] !== undefined
}

/** Whether the address is that of the socket, because no `X-Forwarded-For` is believed: `ips` has the chain of those that are. */
function isOfSocket({ ips = [] }: FastifyRequest): boolean {
  return ips.length < 2
}
