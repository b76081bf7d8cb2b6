import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { AppOptions } from '../app.ts'
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

export default fp<AppOptions>(
  async (app, { config, clock }) => {
    app.decorate('limits', new Limits(app))
    if (config.limits === 'off' || config.requestsPerAddress === undefined) return
    const limit = new RequestLimit(config.requestsPerAddress, clock)
    const countRequest = async (request: FastifyRequest) => limit.count(addressOf(request))
    app.addHook('onRoute', (route) => {
      if (!route.config?.isLimitedByAddress) return
      route.onRequest = [countRequest, ...[route.onRequest ?? []].flat()]
    })
  },
  { name: 'limits', dependencies: ['db', 'refusals'] },
)
