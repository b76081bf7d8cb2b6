import fp from 'fastify-plugin'
import type { ProblemCode } from '../domain/errors.ts'
import { sendError } from '../http/problems.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The code of the problem that the request is answered with; undefined when there is none. */
    problemCode: ProblemCode | undefined
  }
}

/** Renders whatever is thrown, once, as a problem document (RFC 9457). */
export default fp(
  async (app) => {
    app.decorateRequest('problemCode', undefined)
    app.setErrorHandler(sendError)
  },
  { name: 'errors', dependencies: ['validation', 'problem-log'] },
)
