import fp from 'fastify-plugin'
import { Refusals } from '../domain/events/refusals.ts'

declare module 'fastify' {
  interface FastifyInstance {
    refusals: Refusals
  }
}

/** Records refused requests in the background; what is noted is written before the database closes. */
export default fp(
  async (app) => {
    const refusals = new Refusals(app, (error) => app.log.warn({ err: error }, 'refusals could not be recorded'))
    app.decorate('refusals', refusals)
    app.addHook('onClose', () => refusals.flush())
  },
  { name: 'refusals', dependencies: ['db', 'keyed-hash'] },
)
