import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { pathOf } from '../http/known-paths.ts'

/**
 * Who opens the address of the service in a browser comes to `/docs`. To all others, and to all other methods, `/` is an unknown path: this
 * hook comes before the one of `not-found.ts`, since plugins are loaded in the order of their names.
 */
export default fp(
  async (app) => {
    app.addHook('onRequest', (request, reply, done) => {
      if (!isVisit(request)) return done()
      // Relative, so that the browser keeps a path before it that a proxy takes off.
      reply.redirect('docs')
    })
  },
  { name: 'front-page', dependencies: ['headers'] },
)

function isVisit({ is404, method, url, headers }: FastifyRequest): boolean {
  return is404 && ['GET', 'HEAD'].includes(method) && pathOf(url) === '/' && /\btext\/html\b/i.test(headers.accept ?? '')
}
