import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Problem } from '../domain/errors.ts'
import { pathOf } from '../http/request-line.ts'

/** Unknown paths are 404; known ones asked with another method are 405 with `Allow` (RFC 9110 §15.5.6). */
export default fp(
  async (app) => {
    const known = new Map<string, KnownPath>()
    app.addHook('onRoute', ({ url, method, schema }) => {
      if ((schema as { hide?: boolean } | undefined)?.hide && url.includes('*')) return
      const { segments, methods } = known.get(normal(url)) ?? { segments: normal(url).split('/'), methods: [] }
      known.set(normal(url), { segments, methods: [...new Set([methods, method].flat())] })
    })
    // Before the body is read: what it is changes nothing.
    app.addHook('onRequest', (request, _reply, done) => {
      done(request.is404 ? notFound(request, [...known.values()]) : undefined)
    })
  },
  { name: 'not-found', dependencies: ['errors'] },
)

interface KnownPath {
  /** A parameter is one that begins with a colon. */
  readonly segments: readonly string[]
  readonly methods: readonly string[]
}

function notFound({ url, method }: FastifyRequest, known: readonly KnownPath[]): Problem {
  const asked = normal(pathOf(url)).split('/')
  const path = known.find(({ segments }) => isMatch(segments, asked))
  if (path === undefined) return new Problem('not_found', 'Not found.')
  return new Problem('method_not_allowed', `Method "${method}" not allowed.`, { headers: { allow: path.methods.join(', ') } })
}

function isMatch(segments: readonly string[], asked: readonly string[]): boolean {
  return (
    segments.length === asked.length && segments.every((segment, i) => segment === asked[i] || (segment.startsWith(':') && asked[i] !== ''))
  )
}

function normal(path: string): string {
  return path.replace(/\/$/, '')
}
