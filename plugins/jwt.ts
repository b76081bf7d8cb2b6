import fastifyJwt from '@fastify/jwt'
import fp from 'fastify-plugin'
import { type DatabaseKeyRing, openKeyRing } from '../domain/keys/ring.ts'
import type { Caller } from '../domain/sessions/checks.ts'
import { Tokens } from '../domain/tokens/tokens.ts'
import { bearerToken } from '../http/bearer-token.ts'

declare module 'fastify' {
  interface FastifyInstance {
    keys: DatabaseKeyRing
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
 * @fastify/jwt finds the token of a request and keeps its user. It makes signers and verifiers anew at each call and
 * knows nothing of sessions, so `app.tokens` issues and verifies; its own `jwtVerify` and `jwtSign` have no key.
 */
export default fp(
  async (app) => {
    const keys = await openKeyRing(app, (error) => app.log.warn({ err: error }, 'the signing keys at hand stay in use'))
    app.decorate('keys', keys)
    app.addHook('onClose', () => keys.close())
    app.decorate('tokens', new Tokens(app))
    await app.register(fastifyJwt, {
      secret: () => Promise.reject(new Error('app.tokens signs and verifies')),
      verify: { extractToken: bearerToken },
    })
  },
  { name: 'jwt', dependencies: ['db', 'secrets'] },
)
