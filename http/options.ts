import type { Server } from 'node:http'
import { type FastifyHttpOptions, type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify'
import type { Config } from '../config.ts'
import { normalAddress } from '../domain/address.ts'
import { ajvOptions } from './ajv.ts'
import { answerClientError } from './client-errors.ts'
import { requestId, securityHeaders } from './headers.ts'
import { createHttpServer } from './node-server.ts'
import { sendError } from './problems.ts'
import { requestLine } from './request-line.ts'

const BODY_LIMIT_BYTES = 16 * 1024

/** How Fastify itself is set up: limits, ids, the log, and what is answered where no handler of ours is reached. */
export function serverOptions(config: Config): FastifyHttpOptions<Server> {
  return {
    ajv: ajvOptions as NonNullable<FastifyHttpOptions<Server>['ajv']>,
    bodyLimit: BODY_LIMIT_BYTES,
    serverFactory: createHttpServer,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true },
    trustProxy: config.trustProxy.length > 0 ? [...config.trustProxy] : false,
    genReqId: requestId,
    logController: new LogController({ disableRequestLogging: true }),
    logger: {
      level: config.logLevel,
      redact: ['password', 'refresh', 'access', 'token', 'headers.authorization', 'req.headers.authorization', '*.password', '*.token'],
    },
    // No hook runs there: headers and the line of the log are ours to add.
    frameworkErrors: (error, request, reply) => {
      reply.raw.once('finish', () => request.log.info(requestLine(request, reply)))
      return sendError(error, request, withHeaders(reply, request, config))
    },
    clientErrorHandler: function clientErrorHandler(this: FastifyInstance, error, socket) {
      // Not the error itself: it carries the bytes that were received, and in them whatever secret was sent.
      this.log.debug({ code: error.code, ip: normalAddress(socket.remoteAddress) }, 'a request could not be understood')
      answerClientError(error, socket, config)
    },
  }
}

function withHeaders(reply: FastifyReply, request: FastifyRequest, config: Config): FastifyReply {
  return reply.headers({ ...securityHeaders(config.publicUrl), 'x-request-id': request.id })
}
