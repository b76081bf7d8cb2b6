import { type Server, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import {
  type ConnectionError,
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import type { Config } from '../config.ts'
import { normalAddress } from '../domain/address.ts'
import { ajvOptions } from './ajv.ts'
import { requestId, securityHeaders } from './headers.ts'
import { createHttpServer } from './node-server.ts'
import { frameworkProblems, problemDocument, sendError } from './problems.ts'
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

/** Statuses of what Node's HTTP parser refuses, by its error codes; everything else is 400. */
const clientErrorStatuses: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
}

/** What Node keeps of the answer that is next on a connection. It has no public name; Node's own handler asks it, too. */
interface NextAnswer {
  readonly headersSent: boolean
  readonly req: { readonly complete: boolean }
}

/** Whether an answer to an earlier, whole request is under way: whoever reads answers in their order would take ours for it. */
function isAnswering(socket: Socket): boolean {
  const answer = (socket as Socket & { _httpMessage?: NextAnswer | null })._httpMessage
  return answer != null && (answer.headersSent || answer.req.complete)
}

/** The answer to what is no request: written by hand, for there is no reply to send it with. */
function answerClientError(error: ConnectionError, socket: Socket, config: Config): void {
  const isGone = error.code === 'ECONNRESET' || !socket.writable || socket.destroyed
  if (isGone || isAnswering(socket)) return void socket.destroy()
  const status = clientErrorStatuses[error.code ?? ''] ?? 400
  const body = JSON.stringify(problemDocument((frameworkProblems[status] as () => Parameters<typeof problemDocument>[0])()))
  const headers = {
    ...securityHeaders(config.publicUrl),
    'x-request-id': requestId({ headers: {} }),
    'content-type': 'application/problem+json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
}
