// Not on PostgreSQL: it is about HTTP alone.
import t from 'tap'
import { build } from '../helper.ts'
import { bundle, listen, live, openConnections, type Times, until, untilClosed } from './sockets.ts'
import { open, parseAnswers } from './talk.ts'

const late = { title: 'Request Timeout', status: 408, detail: 'The request did not arrive in time.', code: 'request_timeout' }

t.test('the times that a client may take are limited, and checked every second', async (t) => {
  const { server } = await build(t)
  t.match(server, {
    headersTimeout: 10_000,
    requestTimeout: 30_000,
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: 72_000,
    timeout: 60_000,
  })
})

/** Clients that keep sending, and never finish. */
const slow: [name: string, first: string, times: Times][] = [
  ['headers', 'GET /health/live HTTP/1.1\r\nX-A: ', { headersTimeout: 200 }],
  [
    'a body',
    'POST /api/token/verify/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n',
    { requestTimeout: 200, headersTimeout: 100 },
  ],
  [
    'a body in chunks',
    'POST /api/token/verify/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n9999\r\n',
    { requestTimeout: 200, headersTimeout: 100 },
  ],
]

for (const [name, first, times] of slow) {
  t.test(`a client that sends ${name} byte by byte is answered 408 and disconnected when its time is over`, async (t) => {
    const { port } = await listen(t, {}, times)
    const socket = await open(t, port)
    const text = untilClosed(socket)
    socket.write(first)
    const dripping = setInterval(() => socket.write('a'), 20)
    t.teardown(() => clearInterval(dripping))
    const [answer] = parseAnswers(await text)
    t.equal(answer?.status, 408)
    t.same(JSON.parse(answer?.body as string), late)
  })
}

t.test('a client that sends nothing is answered 408 and disconnected when its time is over', async (t) => {
  const { port } = await listen(t, {}, { headersTimeout: 200 })
  t.same(
    parseAnswers(await untilClosed(await open(t, port))).map(({ status, body }) => ({ status, body: JSON.parse(body) })),
    [{ status: 408, body: late }],
  )
})

t.test('a connection that is idle after a request is closed after keepAliveTimeout', async (t) => {
  const { port } = await listen(t, {}, { keepAliveTimeout: 200, keepAliveTimeoutBuffer: 0 })
  const socket = await open(t, port)
  const text = untilClosed(socket)
  socket.write(live)
  t.match(parseAnswers(await text), [{ status: 200 }])
})

t.test('a client that does not read its answers is disconnected after the timeout', async (t) => {
  const { app, port } = await listen(t, {}, { timeout: 200 })
  const socket = await open(t, port)
  socket.pause()
  socket.write(bundle.repeat(20))
  await until(async () => (await openConnections(app)) === 1)
  await until(async () => (await openConnections(app)) === 0)
})
