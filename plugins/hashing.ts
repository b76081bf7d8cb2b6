import fp from 'fastify-plugin'
import { Hashing } from '../domain/passwords/hashing.ts'

declare module 'fastify' {
  interface FastifyInstance {
    hashing: Hashing
  }
}

export default fp(
  async (app) => {
    app.decorate('hashing', new Hashing(app))
  },
  { name: 'hashing' },
)
