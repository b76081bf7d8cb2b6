import type { FastifyRequest } from 'fastify'
import type { Origin } from '../domain/events.ts'

/** In characters. Longer ones are nobody's browser. */
const CLIENT_LENGTH_LIMIT = 200

/** Where a request came from. Header values are Latin-1, without control characters: Node's parser sees to it. */
export function originOf(request: FastifyRequest): Origin {
  return {
    address: request.ip ?? null,
    client: request.headers['user-agent']?.slice(0, CLIENT_LENGTH_LIMIT) ?? null,
    requestId: request.id,
  }
}
