import fp from 'fastify-plugin'
import { unavailable } from '../domain/errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** True once the service has begun to stop: requests in flight are finished, new ones are refused. */
    isStopping(): boolean
  }
}

export default fp(
  async (app) => {
    let stopping = false
    app.decorate('isStopping', () => stopping)
    app.addHook('preClose', async () => {
      stopping = true
    })
    app.addHook('onSend', (_request, reply, payload, done) => {
      if (stopping) reply.header('connection', 'close')
      done(null, payload)
    })
    app.addHook('onRequest', (_request, _reply, done) => {
      done(stopping ? unavailable('stopping', 'The service is stopping. Try again.') : undefined)
    })
  },
  { name: 'stopping', dependencies: ['headers'] },
)
