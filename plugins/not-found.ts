import fp from 'fastify-plugin'
import { Problem } from '../domain/errors.ts'
import { KnownPaths } from '../http/known-paths.ts'
import { pathOf } from '../http/request-line.ts'

/** Unknown paths are 404; known ones asked with another method are 405 with `Allow` (RFC 9110 §15.5.6). */
export default fp(
  async (app) => {
    const known = new KnownPaths()
    app.addHook('onRoute', ({ url, method, schema }) => {
      // CORS answers preflights by a hidden `OPTIONS *`, which would make every path a known one.
      const isCatchAll = (schema as { hide?: boolean } | undefined)?.hide && url.includes('*')
      if (!isCatchAll) known.add({ url, method })
    })
    // Before the body is read, so that a malformed body does not change the answer to 400 or 415.
    app.addHook('onRequest', ({ is404, url, method }, _reply, done) => {
      if (!is404) return done()
      const methods = known.methodsOf(pathOf(url))
      if (methods === undefined) return done(new Problem('not_found', 'Not found.'))
      done(new Problem('method_not_allowed', `Method "${method}" not allowed.`, { headers: { allow: methods.join(', ') } }))
    })
  },
  { name: 'not-found', dependencies: ['errors'] },
)
