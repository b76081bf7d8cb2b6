import fp from 'fastify-plugin'
import type { AppOptions } from '../app.ts'
import { BreachCheck } from '../domain/passwords/breach-check.ts'

declare module 'fastify' {
  interface FastifyInstance {
    breachCheck: BreachCheck
  }
}

export default fp<AppOptions>(
  async (app, { config, clock }) => {
    app.decorate('breachCheck', new BreachCheck({ url: config.breachCheckUrl, clock, log: app.log }))
  },
  { name: 'breach-check' },
)
