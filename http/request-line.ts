import type { FastifyReply, FastifyRequest } from 'fastify'
import { addressOf } from './origin.ts'

/** What is logged of a request. */
export function requestLine(request: FastifyRequest, reply: FastifyReply): object {
  return {
    method: request.method,
    path: pathOf(request.url),
    status: reply.statusCode,
    ms: Math.round(reply.elapsedTime * 10) / 10,
    ip: addressOf(request),
  }
}

/** The path alone: a query may carry a token, and the address of a request to a proxy a password. */
export function pathOf(url: string): string {
  return (url.split('?')[0] as string).replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '')
}
