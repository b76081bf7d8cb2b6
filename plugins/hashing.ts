import fp from 'fastify-plugin'
import type { AppOptions } from '../app.ts'
import { Hashing } from '../domain/passwords/hashing.ts'

declare module 'fastify' {
  interface FastifyInstance {
    hashing: Hashing
  }
}

export default fp<AppOptions>(
  async (app, { config, clock }) => {
    app.decorate('hashing', new Hashing(config, clock))
  },
  { name: 'hashing' },
)
