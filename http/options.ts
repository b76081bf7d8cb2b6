import type { Server } from 'node:http'
import { type FastifyHttpOptions, type FastifyInstance, LogController } from 'fastify'
import type { Config } from '../config.ts'
import { inRanges, normalAddress } from '../domain/address.ts'
import { ajvOptions } from './ajv.ts'
import { answerClientError, isEndedEarly } from './client-errors.ts'
import { requestId } from './headers.ts'
import { passOn } from './malformed-urls.ts'
import { createHttpServer } from './node-server.ts'
import { loggedError } from './problem-log.ts'

const BODY_LIMIT_BYTES = 16 * 1024

/** Members of a log line that are never shown, should one ever be logged. */
const SECRET_MEMBERS = [
  ...['password', 'refresh', 'access', 'token', '*.password', '*.token'],
  ...['headers.authorization', 'req.headers.authorization', 'headers["x-device-token"]', 'req.headers["x-device-token"]'],
]

/** Fastify's own options: limits, request ids, the log, and the answers to requests that reach no route and no hook. */
export function serverOptions(config: Config, log?: { write(line: string): void }): FastifyHttpOptions<Server> {
  return {
    ajv: ajvOptions as NonNullable<FastifyHttpOptions<Server>['ajv']>,
    bodyLimit: BODY_LIMIT_BYTES,
    // A database may be waited for, and an upgrade of a large one takes its time.
    pluginTimeout: 0,
    serverFactory: createHttpServer,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true },
    trustProxy: config.trustProxy.length > 0 ? inRanges(config.trustProxy) : false,
    genReqId: requestId,
    logController: new LogController({ disableRequestLogging: true }),
    logger: {
      ...(log && { stream: log }),
      level: config.logLevel,
      redact: [...SECRET_MEMBERS],
      // Fastify's own `req` has the URL, which may contain a secret.
      serializers: { err: loggedError, req: ({ method }) => ({ method }) },
    },
    frameworkErrors: passOn,
    clientErrorHandler: function clientErrorHandler(this: FastifyInstance, error, socket) {
      const refusal = answerClientError(error, socket, config)
      // The error itself is not logged: it has the bytes that were received, among them perhaps a password or token.
      const line = { ...refusal, reason: error.code, ip: normalAddress(socket.remoteAddress) }
      const what = isEndedEarly(error) ? 'the client went away' : 'a request could not be understood'
      this.log[refusal === undefined ? 'debug' : 'info'](line, what)
    },
  }
}
