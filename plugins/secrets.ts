import fp from 'fastify-plugin'
import { Secrets } from '../domain/keys/secrets.ts'

declare module 'fastify' {
  interface FastifyInstance {
    secrets: Secrets
  }
}

/** Encrypts secrets that the database stores, under `SECRETS_KEY`. */
export default fp(
  async (app) => {
    app.decorate('secrets', new Secrets(app.config))
  },
  { name: 'secrets' },
)
