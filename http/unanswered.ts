import type { FastifyReply, FastifyRequest } from 'fastify'
import { refusalOf } from './client-errors.ts'
import { requestLine } from './request-line.ts'

/**
 * Logs a request if its connection closes before its whole answer was handed to the system. Fastify's `onResponse` is not called then, and its
 * `onRequestAbort` only while the body has not come.
 */
export function logIfUnanswered(request: FastifyRequest, reply: FastifyReply): void {
  const log = () => logUnanswered(request, reply)
  reply.raw.once('close', log)
  reply.raw.once('finish', () => reply.raw.off('close', log))
}

/** `status` is there if the answer was being sent; where the rest of the request could not be understood, it is that of the answer to this. */
function logUnanswered(request: FastifyRequest, reply: FastifyReply): void {
  const line = requestLine(request, reply)
  const refusal = refusalOf(request.raw.socket)
  if (refusal !== undefined) {
    request.log.info({ ...line, status: refusal.status, code: refusal.code })
    return
  }
  const status = reply.raw.headersSent ? reply.statusCode : undefined
  request.log.info({ ...line, status, aborted: true }, isGone(request) ? 'the client went away' : 'the connection was cut')
}

/** Whether it was the client that ended the connection: the service also does, of one that stalls, and when it stops. */
function isGone({ raw: { socket } }: FastifyRequest): boolean {
  return socket.readableEnded || socket.errored !== null
}
