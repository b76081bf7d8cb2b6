import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError } from 'fastify'
import type { Config } from '../config.ts'
import type { Problem, ProblemCode } from '../domain/errors.ts'
import { requestId, securityHeaders } from './headers.ts'
import { badRequest, frameworkProblems, problemDocument } from './problems.ts'

/** The status of an answer by the error code of Node's HTTP parser; 400 for every other code. */
const clientErrorStatuses: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
}

/** The code of Node's HTTP parser for a connection that the client has ended in the middle of a request. */
const ENDED_EARLY = 'HPE_INVALID_EOF_STATE'

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

/** How bytes that are no HTTP request were answered. `reqId` is the `X-Request-Id` of the answer. */
export interface Refusal {
  readonly reqId: string
  readonly status: number
  readonly code: ProblemCode
}

const refusals = new WeakMap<Socket, Refusal>()

/** How a connection was refused, by `answerClientError`; undefined where it was the client that ended it. */
export function refusalOf(socket: Socket): Refusal | undefined {
  return refusals.get(socket)
}

/**
 * Answers bytes that are not an HTTP request. Written to the socket itself, because Fastify has no reply for them.
 *
 * @returns undefined when there is no answer, because the client is gone or would take it for that to an earlier request
 */
export function answerClientError(error: ConnectionError, socket: Socket, config: Config): Refusal | undefined {
  const isGone = error.code === 'ECONNRESET' || !socket.writable || socket.destroyed
  if (isGone || isAnswering(socket)) return void socket.destroy()
  const problem = (frameworkProblems[clientErrorStatuses[error.code ?? ''] ?? 400] ?? badRequest)()
  const refusal = { reqId: requestId({ headers: {} }), status: problem.status, code: problem.code }
  if (!isEndedEarly(error)) refusals.set(socket, refusal)
  socket.end(answerOf(problem, refusal.reqId, config))
  return refusal
}

/** Whether the client has ended the connection in the middle of a request. */
export function isEndedEarly({ code }: ConnectionError): boolean {
  return code === ENDED_EARLY
}

function answerOf(problem: Problem, reqId: string, config: Config): string {
  const body = JSON.stringify(problemDocument(problem))
  const headers = {
    ...securityHeaders(config.publicUrl),
    'x-request-id': reqId,
    'content-type': 'application/problem+json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${lines.join('')}\r\n${body}`
}
