import fp from 'fastify-plugin'
import { isCounted } from '../http/problem-log.ts'
import { requestLine } from '../http/request-line.ts'

/** Logs one line a request, without anything of its headers, its body or its URL: they may contain secrets. Counted refusals have none. */
export default fp(
  async (app) => {
    if (!['info', 'debug', 'trace'].includes(app.config.logLevel)) return
    app.addHook('onResponse', (request, reply, done) => {
      if (!isCounted(request.problemCode)) request.log.info(requestLine(request, reply))
      done()
    })
  },
  { name: 'request-log' },
)
