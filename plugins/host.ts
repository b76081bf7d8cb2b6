import fp from 'fastify-plugin'
import { hostCount } from '../http/headers.ts'
import { badRequest } from '../http/problems.ts'

/** RFC 9112 §3.2: an HTTP/1.1 request has exactly one `Host`. Node would say so too, but not as a problem document. */
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
