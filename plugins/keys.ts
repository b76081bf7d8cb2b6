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
    const keys = await openKeyRing(app, (error) =>
      app.log.warn({ err: error }, 'the signing keys could not be brought up to date: those loaded before stay in use'),
    )
    app.decorate('keys', keys)
    app.addHook('onClose', () => keys.close())
  },
  { name: 'keys', dependencies: ['db', 'secrets'] },
)
