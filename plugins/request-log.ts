import fp from 'fastify-plugin'
import type { AppOptions } from '../app.ts'

/** One line a request, without its headers, its body or the query of its URL: they may carry secrets. */
export default fp<AppOptions>(
  async (app, { config }) => {
    if (!['info', 'debug', 'trace'].includes(config.logLevel)) return
    app.addHook('onResponse', (request, reply, done) => {
      request.log.info({
        method: request.method,
        path: request.url.split('?')[0],
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime * 10) / 10,
        ip: request.ip,
      })
      done()
    })
  },
  { name: 'request-log' },
)
