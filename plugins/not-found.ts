import fp from 'fastify-plugin'
import { Problem } from '../domain/errors.ts'
import { KnownPaths } from '../http/known-paths.ts'
import { urlErrorOf } from '../http/malformed-urls.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The path of the route that the request asks for with a method that it does not know. */
    knownPath: string | undefined
  }
}

/** What the router refuses is a malformed URL. Unknown paths are 404; known ones asked with another method are 405 with `Allow` (RFC 9110 §15.5.6). */
export default fp(
  async (app) => {
    const known = new KnownPaths()
    app.decorateRequest('knownPath', undefined)
    app.addHook('onRoute', ({ url, method, schema }) => {
      // CORS answers preflights by a hidden `OPTIONS *`, which would make every path a known one.
      const isCatchAll = (schema as { hide?: boolean } | undefined)?.hide && url.includes('*')
      if (!isCatchAll) known.add({ url, method })
    })
    // Before the body is read, so that a malformed body does not change the answer to 400 or 415.
    app.addHook('onRequest', (request, _reply, done) => {
      if (!request.is404) return done()
      const malformed = urlErrorOf(request)
      if (malformed !== undefined) return done(malformed)
      const found = known.find(request.url)
      if (found === undefined) return done(new Problem('not_found', 'Not found.'))
      request.knownPath = found.pattern
      done(new Problem('method_not_allowed', `Method "${request.method}" not allowed.`, { headers: { allow: found.methods.join(', ') } }))
    })
  },
  { name: 'not-found', dependencies: ['errors'] },
)
