import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { isClient } from '../domain/accounts/clients.ts'
import { oauthProblem } from '../domain/errors.ts'
import { clientCredentials } from '../http/client-credentials.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Throws `invalid_client` or `invalid_request` unless the request has the credentials of a client (RFC 6749 §2.3.1). */
    authenticateClient(request: FastifyRequest): Promise<void>
  }
}

export default fp(
  async (app) => {
    app.decorate('authenticateClient', async (request: FastifyRequest) => {
      if (!(await isClient(app, clientCredentials(request)))) throw oauthProblem('invalid_client', 'Client authentication failed.')
    })
  },
  { name: 'authenticate-client', dependencies: ['db'] },
)
