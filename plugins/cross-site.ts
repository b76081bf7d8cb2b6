import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { crossSite } from '../domain/errors.ts'
import { counted } from '../domain/repetition.ts'
import { isCrossSite } from '../http/cross-site.ts'
import { hasCredentials } from '../http/loose-body.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * That the body has a password, always or perhaps: pages of other sites may not send it. Else any page could make the browser of
     * whoever visits it guess, and what is counted against guessing would shut the visitor out.
     */
    takesPassword?: 'always' | 'perhaps'
  }
}

const WARN_EVERY_MS = 60_000
/** In UTF-16 units. A header may have thousands. Node's parser refuses control characters in it. */
const LOGGED_LENGTH_LIMIT = 200

/** Refuses passwords that pages of other sites send, before anything is counted, to the routes that say that they take one. */
export default fp(
  async (app) => {
    const warn = counted(WARN_EVERY_MS, app.monotonic, (refused, origin: string | undefined) => {
      app.log.warn({ origin, refused }, 'passwords of pages of other sites were refused: CORS_ORIGINS does not name their origins')
    })
    const refuse = async (request: FastifyRequest) => {
      if (!isCrossSite(request.headers, app.config)) return
      warn(request.headers.origin?.slice(0, LOGGED_LENGTH_LIMIT))
      throw crossSite()
    }
    const refuseCredentials = async (request: FastifyRequest) => {
      if (hasCredentials(request.body)) await refuse(request)
    }
    app.addHook('onRoute', (route) => {
      const when = route.config?.takesPassword
      if (when === 'always') route.onRequest = [refuse, ...[route.onRequest ?? []].flat()]
      if (when === 'perhaps') route.preHandler = [refuseCredentials, ...[route.preHandler ?? []].flat()]
    })
  },
  // After request-limit, so that its hook comes after ours.
  { name: 'cross-site', dependencies: ['errors', 'request-limit'] },
)
