import fp from 'fastify-plugin'
import { Limits } from '../domain/limits/attempts.ts'

declare module 'fastify' {
  interface FastifyInstance {
    limits: Limits
  }
}

/** The limits on failed logins and on registrations. */
export default fp(
  async (app) => {
    app.decorate('limits', new Limits(app))
  },
  { name: 'limits', dependencies: ['db', 'refusals'] },
)
