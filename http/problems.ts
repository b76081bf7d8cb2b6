import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { DatabaseOverloaded, DatabaseUnavailable } from '../db/errors.ts'
import { invalidFields, Problem, type ProblemCode, unavailable } from '../domain/errors.ts'
import { bodyFields, fieldErrors, queryFields } from './field-errors.ts'
import { refused } from './request-line.ts'

/** Answers a request with an error. The log may say why (`problem-log.ts`); the answer to a fault of the service says nothing of its cause. */
export function sendError(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toProblem(error, request)
  request.problemCode = problem.code
  request.server.problemLog.note(error, problem, refused(request))
  return (
    reply
      .code(problem.status)
      // A handler may have made its answer cacheable before it threw.
      .header('cache-control', 'no-store')
      .headers(problem.headers)
      .type('application/problem+json')
      .serializer(JSON.stringify)
      .send(problemDocument(problem))
  )
}

/** The body: the members of RFC 9457 §3.1 that we use, `code`, and those that clients of the original API read. */
export function problemDocument({ status, message, code, members }: Problem): object {
  return { title: STATUS_CODES[status], status, detail: message, code, ...members }
}

function toProblem(error: FastifyError | Error, request: FastifyRequest): Problem {
  if (error instanceof Problem) return codesOfAnyRoute.has(error.code) ? withMessage(error, request) : error
  if (error instanceof DatabaseUnavailable) return unavailable('database_unavailable', 'The database does not answer. Try again later.')
  if (error instanceof DatabaseOverloaded) return unavailable('overloaded', 'Too many writes are waiting. Try again later.')
  const { validation, validationContext, statusCode } = error as FastifyError
  if (validation) return invalidFields(fieldErrors(validation, (validationContext === 'querystring' ? queryFields : bodyFields)(request)))
  return (
    frameworkProblems[statusCode ?? 500]?.() ??
    new Problem('internal_error', 'The service failed. Its log tells why, under the request id.')
  )
}

/** Of problems that are thrown by what does not know which route it stops. */
const codesOfAnyRoute: ReadonlySet<ProblemCode> = new Set(['throttled', 'cross_site'])

/** Where the problems of the route have a `message`, such a problem gets it, too. */
function withMessage(problem: Problem, { routeOptions }: FastifyRequest): Problem {
  const { code, message, headers } = problem
  return routeOptions.schema?.problems?.hasMessage ? new Problem(code, message, { headers, members: { message } }) : problem
}

const framework = (code: ProblemCode, detail: string) => () => new Problem(code, detail)
/** A malformed request, whether Node, Fastify or one of our hooks finds it. */
export const badRequest = framework('bad_request', 'The request cannot be understood.')

/** The problems for what Fastify and Node refuse before a handler is called, by status. */
export const frameworkProblems: Readonly<Record<number, () => Problem>> = {
  400: badRequest,
  404: framework('not_found', 'Not found.'),
  408: framework('request_timeout', 'The request did not arrive in time.'),
  413: framework('payload_too_large', 'The body is larger than 16 KiB.'),
  414: framework('bad_request', 'The URL is too long.'),
  415: framework('unsupported_media_type', 'Unsupported media type in request.'),
  431: framework('headers_too_large', 'The headers are larger than 16 KiB.'),
}
