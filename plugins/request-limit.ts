import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { RequestLimit } from '../domain/limits/request-limit.ts'
import { addressOf } from '../http/origin.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Undefined when nothing is limited. */
    requestLimit: RequestLimit | undefined
  }
  interface FastifyContextConfig {
    /** Whether `REQUESTS_PER_ADDRESS` holds: for what a backend may call for many people. */
    isLimitedByAddress?: true
  }
}

/** Limits the requests of an address to the routes that say so. */
export default fp(
  async (app) => {
    const { limits, requestsPerAddress } = app.config
    const isLimited = limits === 'on' && requestsPerAddress !== undefined
    const limit = isLimited ? new RequestLimit(requestsPerAddress, app.monotonic) : undefined
    app.decorate('requestLimit', limit)
    if (limit === undefined) return
    const countRequest = async (request: FastifyRequest) => limit.count(addressOf(request))
    app.addHook('onRoute', (route) => {
      if (route.config?.isLimitedByAddress) route.onRequest = [countRequest, ...[route.onRequest ?? []].flat()]
    })
  },
  { name: 'request-limit' },
)
