import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Problem } from '../domain/errors.ts'

/** Unknown paths are 404; known ones asked with another method are 405 with `Allow` (RFC 9110 §15.5.6). */
export default fp(
  async (app) => {
    const methods = new Map<string, string[]>()
    app.addHook('onRoute', ({ url, method, schema }) => {
      if ((schema as { hide?: boolean } | undefined)?.hide && url.includes('*')) return
      methods.set(normal(url), [...new Set([...(methods.get(normal(url)) ?? []), method].flat())])
    })
    // Before the body is read: what it is changes nothing.
    app.addHook('onRequest', (request, _reply, done) => {
      done(request.is404 ? notFound(request, methods) : undefined)
    })
  },
  { name: 'not-found', dependencies: ['errors'] },
)

function notFound({ url, method }: FastifyRequest, methods: ReadonlyMap<string, readonly string[]>): Problem {
  const allowed = methods.get(normal(url.split('?')[0] as string))
  if (allowed === undefined) return new Problem('not_found', 'Not found.')
  return new Problem('method_not_allowed', `Method "${method}" not allowed.`, { headers: { allow: allowed.join(', ') } })
}

function normal(path: string): string {
  return path.replace(/\/$/, '')
}
