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
    app.setNotFoundHandler((request: FastifyRequest) => {
      const allowed = methods.get(normal(request.url.split('?')[0] as string))
      if (allowed === undefined) throw new Problem('not_found', 'Not found.')
      throw new Problem('method_not_allowed', `Method "${request.method}" not allowed.`, { headers: { allow: allowed.join(', ') } })
    })
  },
  { name: 'not-found', dependencies: ['errors'] },
)

function normal(path: string): string {
  return path.replace(/\/$/, '')
}
