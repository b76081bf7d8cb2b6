import cors from '@fastify/cors'
import fp from 'fastify-plugin'
import { areFieldNames } from '../http/headers.ts'

const ASKED_HEADERS = 'access-control-request-headers'

/**
 * Pages of the origins in `CORS_ORIGINS` may call the API, and no others. Without credentials, for the API uses no cookies. Such a page may
 * send whatever headers it asks for: what its libraries add (`traceparent`, `sentry-trace`, `x-requested-with`) is of no concern to the
 * API, and a list here would break its calls. It may send every method, too, so that it can read the 405 of one that a path does not know.
 */
export default fp(
  async (app) => {
    const { corsOrigins } = app.config
    if (corsOrigins.length === 0) return
    // Without `allowedHeaders` the plugin allows what is asked for, as it was sent, and says so in `Vary`.
    app.addHook('onRequest', ({ raw: { headers } }, _reply, done) => {
      const isAnswered = headers.origin !== undefined && corsOrigins.includes(headers.origin) && areFieldNames(headers[ASKED_HEADERS])
      if (!isAnswered) delete headers[ASKED_HEADERS]
      done()
    })
    await app.register(cors, {
      origin: [...corsOrigins],
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
      exposedHeaders: ['X-Request-Id', 'Retry-After', 'WWW-Authenticate', 'Allow'],
      maxAge: 600,
      strictPreflight: false,
    })
  },
  { name: 'cors', dependencies: ['headers'] },
)
