import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { bearerProblem, TokenProblem } from '../domain/errors.ts'
import { authenticate, authenticateAny, type Bearer } from '../domain/sessions/checks.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The user of the bearer token, on routes that take legacy ones, too. */
    bearer: Bearer
  }
  interface FastifyInstance {
    /** Hook: sets `request.user` to the user of the bearer token; throws a `Problem` when there is no valid one. */
    authenticate(request: FastifyRequest): Promise<void>
    /** Hook: the same also for a legacy token, which has no session; sets `request.bearer`. */
    authenticateAny(request: FastifyRequest): Promise<void>
  }
}

export default fp(
  async (app) => {
    app.decorateRequest('bearer', null as unknown as Bearer)
    const bearerOf = async <T>(request: FastifyRequest, find: (core: typeof app, token: string) => Promise<T>): Promise<T> => {
      try {
        return await find(app, app.jwt.lookupToken(request))
      } catch (error) {
        throw error instanceof TokenProblem ? bearerProblem(error) : error
      }
    }
    app.decorate('authenticate', async (request: FastifyRequest) => {
      request.user = await bearerOf(request, authenticate)
    })
    app.decorate('authenticateAny', async (request: FastifyRequest) => {
      request.bearer = await bearerOf(request, authenticateAny)
    })
  },
  { name: 'authenticate', dependencies: ['tokens', 'db', 'refusals'] },
)
