import type { FastifyReply, FastifyRequest } from 'fastify'
import { addressOf } from './origin.ts'

/** What the log line of a request says. `ms` is the time from its headers to the end of its answer, in milliseconds. */
export function requestLine(request: FastifyRequest, reply: FastifyReply): object {
  return {
    method: request.method,
    path: pathOf(request.url),
    status: reply.statusCode,
    ms: Math.round(reply.elapsedTime * 10) / 10,
    ip: addressOf(request),
  }
}

/**
 * The path of a request's target, as it was sent; for the log and for telling 404 from 405. The query is cut off, because it may contain
 * a token, and so is the scheme and authority of an absolute URL (RFC 9112 §3.2.2), which may contain a password.
 */
export function pathOf(url: string): string {
  return (url.split('?')[0] as string).replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '')
}
