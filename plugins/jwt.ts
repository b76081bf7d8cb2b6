import fastifyJwt from '@fastify/jwt'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { challenge, notAuthenticated, Problem } from '../domain/errors.ts'
import { type DatabaseKeyRing, openKeyRing } from '../domain/keys/ring.ts'
import type { Caller } from '../domain/sessions/checks.ts'
import { Tokens } from '../domain/tokens/tokens.ts'

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

/**
 * The bearer token of a request (RFC 6750 §2.1): the scheme in any case, then spaces, then one word.
 *
 * @throws {Problem} `not_authenticated` without a bearer token, `bad_authorization_header` for none or several words
 */
export function bearerToken({ headers }: FastifyRequest): string {
  const [scheme = '', ...words] = (headers.authorization ?? '').split(' ').filter((word) => word !== '')
  if (scheme.toLowerCase() !== 'bearer') {
    throw notAuthenticated()
  }
  const [token] = words
  if (token === undefined || words.length > 1) {
    throw new Problem('bad_authorization_header', 'Authorization header must contain two space-delimited values', { headers: challenge })
  }
  return token
}
