import fp from 'fastify-plugin'

/**
 * Warns, once, of `X-Forwarded-For` while `TRUST_PROXY` is not set: the header is ignored then, because any client could send it, and all
 * clients behind a proxy count as one address.
 */
export default fp(
  async (app) => {
    if (app.config.trustProxy.length > 0) return
    let hasWarned = false
    app.addHook('onRequest', (request, _reply, done) => {
      if (!hasWarned && request.headers['x-forwarded-for'] !== undefined) {
        hasWarned = true
        request.log.warn('X-Forwarded-For is ignored, for TRUST_PROXY is not set: every client of a proxy counts as its address')
      }
      done()
    })
  },
  { name: 'forwarded' },
)
