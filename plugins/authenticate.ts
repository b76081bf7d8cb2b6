import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { challenge, Problem, TokenProblem } from '../domain/errors.ts'
import { authenticate } from '../domain/sessions.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Hook: sets `request.user` to the user of the bearer token, or throws. */
    authenticate(request: FastifyRequest): Promise<void>
  }
}

export default fp(
  async (app) => {
    app.decorate('authenticate', async (request: FastifyRequest) => {
      try {
        request.user = await authenticate(app, app.jwt.lookupToken(request))
      } catch (error) {
        throw error instanceof TokenProblem ? inHeader(error) : error
      }
    })
  },
  { name: 'authenticate', dependencies: ['jwt', 'db'] },
)

/** A refused token as Simple JWT's authentication class tells it. */
function inHeader({ message }: TokenProblem): Problem {
  return new Problem('token_not_valid', 'Given token not valid for any token type', {
    headers: challenge,
    members: { messages: [{ token_class: 'AccessToken', token_type: 'access', message }] },
  })
}
