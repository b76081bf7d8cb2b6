import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Limits } from '../domain/limits/attempts.ts'
import { RequestLimit } from '../domain/limits/request-limit.ts'
import { addressOf } from '../http/origin.ts'

declare module 'fastify' {
  interface FastifyInstance {
    limits: Limits
  }
  interface FastifyContextConfig {
    /** Whether `REQUESTS_PER_ADDRESS` holds: for what a backend may call for many people. */
    isLimitedByAddress?: true
  }
}

export default fp(
  async (app) => {
    app.decorate('limits', new Limits(app))
    const { limits, requestsPerAddress } = app.config
    if (limits === 'off' || requestsPerAddress === undefined) return
    const limit = new RequestLimit(requestsPerAddress, app.clock)
    const countRequest = async (request: FastifyRequest) => limit.count(addressOf(request))
    app.addHook('onRoute', (route) => {
      if (!route.config?.isLimitedByAddress) return
      route.onRequest = [countRequest, ...[route.onRequest ?? []].flat()]
    })
  },
  { name: 'limits', dependencies: ['db', 'refusals'] },
)
