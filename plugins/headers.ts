import fp from 'fastify-plugin'
import { securityHeaders } from '../http/headers.ts'

/** The headers of every answer: the request id, and the security headers for browsers. */
export default fp(
  async (app) => {
    const headers = securityHeaders(app.config.publicUrl)
    app.addHook('onRequest', (request, reply, done) => {
      reply.headers(headers)
      reply.header('x-request-id', request.id)
      done()
    })
  },
  { name: 'headers' },
)
