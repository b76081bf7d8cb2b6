import fp from 'fastify-plugin'
import { requestLine } from '../http/request-line.ts'

/** Logs one line a request, without its headers, its body or the query of its URL: they may contain secrets. */
export default fp(
  async (app) => {
    if (!['info', 'debug', 'trace'].includes(app.config.logLevel)) return
    app.addHook('onResponse', (request, reply, done) => {
      request.log.info(requestLine(request, reply))
      done()
    })
  },
  { name: 'request-log' },
)
