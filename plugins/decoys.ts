import fp from 'fastify-plugin'
import { Decoys } from '../domain/passwords/decoys.ts'

declare module 'fastify' {
  interface FastifyInstance {
    decoys: Decoys
  }
}

/** What passwords for unknown names are compared with. */
export default fp(
  async (app) => {
    const decoys = new Decoys(app)
    await decoys.look()
    decoys.watch((error) => app.log.warn({ err: error }, 'the kinds of password hashes could not be counted'))
    app.decorate('decoys', decoys)
    app.addHook('onClose', () => decoys.close())
  },
  { name: 'decoys', dependencies: ['db', 'keyed-hash', 'hashing'] },
)
