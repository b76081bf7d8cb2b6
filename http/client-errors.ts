import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError } from 'fastify'
import type { Config } from '../config.ts'
import { requestId, securityHeaders } from './headers.ts'
import { badRequest, frameworkProblems, problemDocument } from './problems.ts'

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
