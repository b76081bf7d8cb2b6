import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { bearerProblem, TokenProblem } from '../domain/errors.ts'
import { authenticate } from '../domain/sessions/checks.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Hook: sets `request.user` to the user of the bearer token; throws a `Problem` when there is no valid one. */
    authenticate(request: FastifyRequest): Promise<void>
  }
}

export default fp(
  async (app) => {
    app.decorate('authenticate', async (request: FastifyRequest) => {
      try {
        request.user = await authenticate(app, app.jwt.lookupToken(request))
      } catch (error) {
        throw error instanceof TokenProblem ? bearerProblem(error) : error
      }
    })
  },
  { name: 'authenticate', dependencies: ['tokens', 'db', 'refusals'] },
)
