import fp from 'fastify-plugin'
import { isCounted } from '../http/problem-log.ts'
import { isHealthy, requestLine } from '../http/request-line.ts'
import { logIfUnanswered } from '../http/unanswered.ts'

/**
 * Logs one line a request, without anything of its headers, its body or its URL: they may contain secrets. Counted refusals have none, and
 * health probes that are answered 200 have theirs at `debug`: they come every few seconds, and say nothing.
 */
export default fp(
  async (app) => {
    const { logLevel } = app.config
    if (!['info', 'debug', 'trace'].includes(logLevel)) return
    app.addHook('onRequest', (request, reply, done) => {
      logIfUnanswered(request, reply)
      done()
    })
    app.addHook('onResponse', (request, reply, done) => {
      const isQuiet = isHealthy(request, reply)
      if (isQuiet && logLevel !== 'info') request.log.debug(requestLine(request, reply))
      if (!isQuiet && !isCounted(request.problemCode)) request.log.info(requestLine(request, reply))
      done()
    })
  },
  { name: 'request-log' },
)
