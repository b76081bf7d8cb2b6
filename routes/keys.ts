import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ref } from '../schemas/ref.ts'
import { KeySet } from '../schemas/service.ts'

const routes: FastifyPluginAsyncTypebox = async (app) => {
  app.get('/.well-known/jwks.json', {
    config: { isLimitedByAddress: true },
    schema: {
      operationId: 'getKeys',
      tags: ['service'],
      summary: 'The public keys that verify tokens',
      description: 'A JWK set (RFC 7517 §5). Cache it as long as `Cache-Control` says, and choose the key by the `kid` of a token.',
      response: { 200: ref(KeySet) },
      cacheControl: 'public, max-age=300',
      problems: { codes: ['throttled'] },
    },
    async handler(_request, reply) {
      reply.header('cache-control', `public, max-age=${app.config.jwksMaxAgeSeconds}`)
      return { keys: app.keys.publicJwks as never }
    },
  })
}

export default routes
