import { createServer, type RequestListener, type Server } from 'node:http'
import type { Socket } from 'node:net'

/** The headers of a request have to arrive within this time, and the whole of it within the next. */
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
/** How often Node looks for those that are late. Its own half a minute would be added to what they are given. */
const TIMEOUT_CHECK_MS = 1000
/** Between two requests. Longer than the minute of most proxies: who closes first never sends into a closed connection. */
const KEEP_ALIVE_TIMEOUT_MS = 72_000
/** Nothing moved for so long, and an answer is due: the client does not read it, or is gone without a word. */
const STALLED_TIMEOUT_MS = 60_000
/** Requests, of all connections together, that wait for an answer to an earlier one on theirs. */
const PIPELINED_LIMIT = 200

/** Node's HTTP server, with bounds on what a client may hold of it, and for how long. */
export function createHttpServer(handle: RequestListener): Server {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      // plugins/host.ts answers in its place, with a problem document.
      requireHostHeader: false,
    },
    oneByOne(handle),
  )
  return server.setTimeout(STALLED_TIMEOUT_MS)
}

/**
 * Hands on the next request of a connection when the one before is answered. Pipelining (RFC 9112 §9.3.2) is hardly
 * used but to attack: one packet of 64 KiB brings two thousand requests, which together would hold the event loop for
 * a tenth of a second, and memory for as long as the first of them is made to wait.
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

/** What Node keeps of the parser of a connection. It has no public name. */
type ParsedSocket = Socket & { parser?: { onIncoming: () => number } | null }
/** For Node's parser: nothing after this is a request. */
const UPGRADED = 2

/** Ends a connection, and leaves the rest of the packet that is being read: Node has no other way to stop there. */
function cutOff(socket: ParsedSocket): void {
  if (socket.parser) socket.parser.onIncoming = () => UPGRADED
  socket.destroy()
}
