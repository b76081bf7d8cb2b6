import { createServer, type RequestListener, type Server } from 'node:http'
import type { Socket } from 'node:net'

/** The headers of a request must arrive within the first, the whole request within the second, both from its start. */
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
/** How often Node looks for late requests. With its default of 30 s a request could be late by as much before it is ended. */
const TIMEOUT_CHECK_MS = 1000
/** How long a connection may be idle. Longer than the 60 s of most proxies: if we closed first, a proxy could send a request into it. */
const KEEP_ALIVE_TIMEOUT_MS = 72_000
/** A connection is closed when no byte has moved for this time: its client does not read the answer, or has vanished. */
const STALLED_TIMEOUT_MS = 60_000
/** Pipelined requests that may wait for the answer to an earlier request of their connection; of all connections together. */
const PIPELINED_LIMIT = 200

/** Node's HTTP server, with limits on how long a client may hold a connection and how many requests it may pipeline. */
export function createHttpServer(handle: RequestListener): Server {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      // Node would answer with a bare 400; plugins/host.ts refuses such a request with a problem document.
      requireHostHeader: false,
    },
    oneByOne(handle),
  )
  return server.setTimeout(STALLED_TIMEOUT_MS)
}

/**
 * Passes a request on only when the one before it on the same connection has been answered. Hardly any client pipelines (RFC 9112
 * §9.3.2), but an attacker can: a packet of 64 KiB has room for 2000 requests, which together would block the event loop for 100 ms
 * and hold their memory until the first of them is answered.
 */
function oneByOne(handle: RequestListener): RequestListener {
  let waiting = 0
  return (request, response) => {
    const { socket } = request
    if (socket.destroyed) return
    const isNext = response.socket !== null
    if (isNext) return handle(request, response)
    if (waiting >= PIPELINED_LIMIT) return cutOff(socket)
    let isWaiting = true
    const leave = () => {
      if (isWaiting) waiting--
      isWaiting = false
    }
    waiting++
    request.once('close', leave)
    response.once('socket', () => {
      leave()
      setImmediate(handle, request, response)
    })
  }
}

/** A socket with Node's HTTP parser, which is not public API. */
type ParsedSocket = Socket & { parser?: { onIncoming: () => number } | null }
/** Makes Node's parser treat the connection as no longer HTTP, so that it stops reading requests. */
const UPGRADED = 2

/** Closes a connection at once. Without the new `onIncoming` Node would still parse every request of the packet that it is reading. */
function cutOff(socket: ParsedSocket): void {
  if (socket.parser) socket.parser.onIncoming = () => UPGRADED
  socket.destroy()
}
