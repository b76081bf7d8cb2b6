import fp from 'fastify-plugin'
import { type DatabaseKeyRing, openKeyRing } from '../domain/keys/ring.ts'

declare module 'fastify' {
  interface FastifyInstance {
    keys: DatabaseKeyRing
  }
}

/** The signing keys of the database, kept up to date until the service stops. */
export default fp(
  async (app) => {
    const keys = await openKeyRing(app, {
      onError: (error) => app.log.warn({ err: error }, 'the signing keys could not be brought up to date: those loaded before stay in use'),
      onKeyOfTheFuture: (kid) =>
        app.log.warn(
          `the signing key ${kid} was made by a clock that was ahead of this one: it verifies, and signs nothing. Check the clock`,
        ),
    })
    app.decorate('keys', keys)
    app.addHook('onClose', () => keys.close())
  },
  { name: 'keys', dependencies: ['db', 'secrets'] },
)
