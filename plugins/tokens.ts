import fastifyJwt from '@fastify/jwt'
import fp from 'fastify-plugin'
import type { Caller } from '../domain/sessions/checks.ts'
import { Tokens } from '../domain/tokens/tokens.ts'
import { unknownIssuers } from '../domain/tokens/unknown-issuers.ts'
import { bearerToken } from '../http/bearer-token.ts'

declare module 'fastify' {
  interface FastifyInstance {
    tokens: Tokens
  }
}

declare module '@fastify/jwt' {
  interface FastifyJWT {
    /** Set by `app.authenticate`. */
    user: Caller
  }
}

/**
 * `app.tokens` issues and verifies tokens. @fastify/jwt finds the token of a request and keeps its user, no more: it makes
 * signers and verifiers anew at each call and knows nothing of sessions, so its own `jwtVerify` and `jwtSign` have no key.
 */
export default fp(
  async (app) => {
    const onUnknownIssuer = unknownIssuers(app, (message) => app.log.warn(message))
    app.decorate('tokens', new Tokens(app, onUnknownIssuer))
    await app.register(fastifyJwt, {
      secret: () => Promise.reject(new Error('app.tokens signs and verifies')),
      verify: { extractToken: bearerToken },
    })
  },
  { name: 'tokens', dependencies: ['keys', 'issued-claims', 'refusals'] },
)
