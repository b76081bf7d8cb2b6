import fp from 'fastify-plugin'
import { type KeyedHash, openKeyedHash } from '../domain/keyed-hash.ts'

declare module 'fastify' {
  interface FastifyInstance {
    keyedHash: KeyedHash
  }
}

/** `app.keyedHash`: hashes what is compared and never read, with a key of the database. */
export default fp(
  async (app) => {
    app.decorate('keyedHash', await openKeyedHash(app))
  },
  { name: 'keyed-hash', dependencies: ['db', 'secrets'] },
)
