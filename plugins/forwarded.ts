import fp from 'fastify-plugin'

/** Without `TRUST_PROXY` nobody may say who the client is. Behind a proxy everybody then comes from one address: that is told, once. */
export default fp(
  async (app) => {
    if (app.config.trustProxy.length > 0) return
    let isTold = false
    app.addHook('onRequest', (request, _reply, done) => {
      if (!isTold && request.headers['x-forwarded-for'] !== undefined) {
        isTold = true
        request.log.warn('X-Forwarded-For is ignored, for TRUST_PROXY is not set: every client of a proxy counts as its address')
      }
      done()
    })
  },
  { name: 'forwarded' },
)
