import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError } from 'fastify'
import type { Config } from '../config.ts'
import { requestId, securityHeaders } from './headers.ts'
import { badRequest, frameworkProblems, problemDocument } from './problems.ts'

/** The status of an answer by the error code of Node's HTTP parser; 400 for every other code. */
const clientErrorStatuses: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
}

/** The response that Node is about to send on a connection. It is not public API, but Node's own handler of these errors reads it, too. */
interface NextAnswer {
  readonly headersSent: boolean
  readonly req: { readonly complete: boolean }
}

/** Whether an earlier, complete request on the connection still waits for its response: a client would take ours for that one. */
function isAnswering(socket: Socket): boolean {
  const answer = (socket as Socket & { _httpMessage?: NextAnswer | null })._httpMessage
  return answer != null && (answer.headersSent || answer.req.complete)
}

/** Answers bytes that are not an HTTP request. Written to the socket itself, because Fastify has no reply for them. */
export function answerClientError(error: ConnectionError, socket: Socket, config: Config): void {
  const isGone = error.code === 'ECONNRESET' || !socket.writable || socket.destroyed
  if (isGone || isAnswering(socket)) return void socket.destroy()
  const status = clientErrorStatuses[error.code ?? ''] ?? 400
  const body = JSON.stringify(problemDocument((frameworkProblems[status] ?? badRequest)()))
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
