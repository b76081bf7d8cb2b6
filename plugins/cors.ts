import cors from '@fastify/cors'
import fp from 'fastify-plugin'

/** Pages of the origins in `CORS_ORIGINS` may call the API, and no others. Without credentials, for the API uses no cookies. */
export default fp(
  async (app) => {
    const { corsOrigins } = app.config
    if (corsOrigins.length === 0) return
    await app.register(cors, {
      origin: [...corsOrigins],
      methods: ['GET', 'POST', 'DELETE'],
      allowedHeaders: ['Authorization', 'Content-Type', 'X-Request-Id', 'X-Device-Token'],
      exposedHeaders: ['X-Request-Id', 'Retry-After', 'WWW-Authenticate'],
      maxAge: 600,
      strictPreflight: false,
    })
  },
  { name: 'cors', dependencies: ['headers'] },
)
