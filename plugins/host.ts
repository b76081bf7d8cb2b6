import fp from 'fastify-plugin'
import { hostCount } from '../http/headers.ts'
import { badRequest } from '../http/problems.ts'

/** An HTTP/1.1 request has exactly one `Host` (RFC 9112 §3.2). Node's own check is off: it does not answer with a problem document. */
export default fp(
  async (app) => {
    app.addHook('onRequest', ({ raw }, reply, done) => {
      if (raw.httpVersion !== '1.1' || hostCount(raw) === 1) return done()
      reply.header('connection', 'close')
      done(badRequest())
    })
  },
  { name: 'host', dependencies: ['headers', 'errors'] },
)
