import fp from 'fastify-plugin'
import { BreachCheck } from '../domain/passwords/breach-check.ts'

declare module 'fastify' {
  interface FastifyInstance {
    breachCheck: BreachCheck
  }
}

export default fp(
  async (app) => {
    app.decorate('breachCheck', new BreachCheck({ url: app.config.breachCheckUrl, clock: app.monotonic, log: app.log }))
  },
  { name: 'breach-check' },
)
