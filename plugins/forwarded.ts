import fp from 'fastify-plugin'
import { counted } from '../domain/repetition.ts'
import { isForwarded } from '../http/origin.ts'

const WARN_EVERY_MS = 600_000

/**
 * Warns of requests that came through a proxy while `TRUST_PROXY` is not set: their headers are ignored then, because any client could send
 * them, and all clients behind the proxy count as one address.
 */
export default fp(
  async (app) => {
    if (app.config.trustProxy.length > 0) return
    const warn = counted(WARN_EVERY_MS, app.monotonic, (requests) => {
      app.log.warn(
        { requests },
        'X-Forwarded-For, Forwarded and X-Real-IP are ignored, for TRUST_PROXY is not set: all clients of a proxy count as one',
      )
    })
    app.addHook('onRequest', (request, _reply, done) => {
      if (isForwarded(request)) warn()
      done()
    })
  },
  { name: 'forwarded' },
)
