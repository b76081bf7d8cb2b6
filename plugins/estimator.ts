import fp from 'fastify-plugin'
import { Estimator } from '../domain/passwords/estimator.ts'

declare module 'fastify' {
  interface FastifyInstance {
    estimator: Estimator
  }
}

/** `app.estimator`: the one that the app is given, or its own, whose thread ends with it. */
export default fp(
  async (app) => {
    if (app.hasDecorator('estimator')) return
    const estimator = new Estimator({ clock: app.monotonic, log: app.log })
    app.decorate('estimator', estimator)
    app.addHook('onClose', () => estimator.close())
  },
  { name: 'estimator' },
)
