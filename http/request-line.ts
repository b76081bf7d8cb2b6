import type { FastifyReply, FastifyRequest } from 'fastify'
import { patternOf as patternOfRoute } from './known-paths.ts'
import { addressOf } from './origin.ts'
import type { Refused } from './problem-log.ts'

/**
 * What the log line of a request says. `ms` is the time from its headers to the end of its answer, in milliseconds; `code` is that of the
 * problem that it was refused with.
 */
export function requestLine(request: FastifyRequest, reply: FastifyReply): object {
  return {
    method: request.method,
    path: patternOf(request),
    status: reply.statusCode,
    code: request.problemCode,
    ms: Math.round(reply.elapsedTime * 10) / 10,
    ip: addressOf(request),
  }
}

/** Whether the request is a health probe that found the service well. */
export function isHealthy({ routeOptions }: FastifyRequest, { statusCode }: FastifyReply): boolean {
  return statusCode === 200 && routeOptions.url?.startsWith('/health/') === true
}

/** What the log says of a request when it says why that was refused. */
export function refused(request: FastifyRequest): Refused {
  return { reqId: request.id, method: request.method, path: patternOf(request), ip: addressOf(request) }
}

/** The path of a route as the API document has it, such as `/api/users/me/sessions/:id/`: one that was sent may hold a secret. */
function patternOf(request: FastifyRequest): string | undefined {
  const { url } = request.routeOptions
  return url === undefined ? request.knownPath : patternOfRoute(url)
}
