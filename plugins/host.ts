import type { IncomingMessage } from 'node:http'
import fp from 'fastify-plugin'
import { badRequest } from '../http/problems.ts'

/** RFC 9112 §3.2: an HTTP/1.1 request has exactly one `Host`. Node would say so too, but not as a problem document. */
export default fp(
  async (app) => {
    app.addHook('onRequest', ({ raw }, reply, done) => {
      if (raw.httpVersion !== '1.1' || hosts(raw) === 1) return done()
      reply.header('connection', 'close')
      done(badRequest())
    })
  },
  { name: 'host', dependencies: ['headers', 'errors'] },
)

function hosts({ rawHeaders }: IncomingMessage): number {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.toLowerCase() === 'host') count++
  return count
}
