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
    const limits = new Limits(app)
    app.decorate('limits', limits)
    app.addHook('onClose', () => limits.flush())
  },
  { name: 'limits', dependencies: ['db', 'keyed-hash', 'refusals'] },
)
