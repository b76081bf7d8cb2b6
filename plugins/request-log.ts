import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { AppOptions } from '../app.ts'
import { addressOf } from '../http/origin.ts'

/** One line a request, without its headers, its body or the query of its URL: they may carry secrets. */
export default fp<AppOptions>(
  async (app, { config }) => {
    if (!['info', 'debug', 'trace'].includes(config.logLevel)) return
    app.addHook('onResponse', (request, reply, done) => {
      request.log.info(requestLine(request, reply))
      done()
    })
  },
  { name: 'request-log' },
)

/** What is logged of a request. */
export function requestLine(request: FastifyRequest, reply: FastifyReply): object {
  return {
    method: request.method,
    path: pathOf(request.url),
    status: reply.statusCode,
    ms: Math.round(reply.elapsedTime * 10) / 10,
    ip: addressOf(request),
  }
}

/** The path alone: a query may carry a token, and the address of a request to a proxy a password. */
export function pathOf(url: string): string {
  return (url.split('?')[0] as string).replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '')
}
