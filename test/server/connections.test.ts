import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { build, logIn, PASSWORD, register, type TestApp } from '../helper.ts'
import { open, parseAnswers, talk } from './process.ts'

const live = 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n'
const lastLive = 'GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
const bundle = 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n'
const late = { title: 'Request Timeout', status: 408, detail: 'The request did not arrive in time.', code: 'request_timeout' }

/** The server's times, in milliseconds, short enough for a test. */
interface Times {
  readonly headersTimeout?: number
  readonly requestTimeout?: number
  readonly keepAliveTimeout?: number
  readonly keepAliveTimeoutBuffer?: number
  readonly timeout?: number
}

async function listen(t: Test, env: Record<string, string> = {}, times: Times = {}): Promise<{ app: TestApp; port: number }> {
  const app = await build(t, env)
  Object.assign(app.server, { connectionsCheckingInterval: 20, ...times })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return { app, port: (app.server.address() as AddressInfo).port }
}

function post(path: string, body: unknown): string {
  const text = JSON.stringify(body)
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`
}

/** Everything that is received until the connection is closed. */
async function untilClosed(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk
  })
  if (!socket.destroyed) await once(socket, 'close')
  return text
}

/** Counts the messages of a diagnostics channel, `HANDLED` or `READ`, from now on. */
function counter(t: Test, channel: string): () => number {
  let count = 0
  const increment = () => {
    count++
  }
  subscribe(channel, increment)
  t.teardown(() => unsubscribe(channel, increment))
  return () => count
}

/** A request has been read by Node. */
const READ = 'http.server.request.start'
/** A request has reached its handler in Fastify. */
const HANDLED = 'tracing:fastify.request.handler:start'

function openConnections({ server }: TestApp): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))
}

/** Waits until a condition holds. If it never does, the time limit of the test ends the wait. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10)
}

t.test('connections beyond MAX_CONNECTIONS are closed at once, and the open ones stay in use', async (t) => {
  const { app, port } = await listen(t, { MAX_CONNECTIONS: '3' })
  const sockets = [await open(t, port), await open(t, port), await open(t, port)]
  await until(async () => (await openConnections(app)) === 3)
  t.equal(await untilClosed(await open(t, port)), '')
  t.equal(await untilClosed(await open(t, port)), '')
  t.equal(await openConnections(app), 3)
  for (const socket of sockets) {
    socket.write(lastLive)
    t.match(await untilClosed(socket), /^HTTP\/1\.1 200 OK\r\n/)
  }
  t.match(
    await talk(port, [live], { patienceMs: 100 }),
    { answers: [{ status: 200 }] },
    'a new connection is accepted when others have closed',
  )
})

t.test('the log warns of refused connections once a minute', async (t) => {
  const { app, port } = await listen(t, { MAX_CONNECTIONS: '1' })
  const warnings: unknown[] = []
  app.log.warn = (message: unknown) => void warnings.push(message)
  await open(t, port)
  await until(async () => (await openConnections(app)) === 1)
  const refused = async () => untilClosed(await open(t, port))
  await refused()
  await refused()
  t.same(warnings, ['MAX_CONNECTIONS=1 are open: more are refused'])
  app.clock.advance(60)
  await refused()
  t.equal(warnings.length, 2)
})

t.test('the times that a client may take are limited, and checked every second', async (t) => {
  const { server } = await build(t)
  t.match(server, {
    headersTimeout: 10_000,
    requestTimeout: 30_000,
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: 72_000,
    timeout: 60_000,
    maxConnections: 2000,
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

t.test('of the pipelined requests of a client that does not read its answers, few are handled', async (t) => {
  const { port } = await listen(t)
  const handled = counter(t, HANDLED)
  const socket = await open(t, port)
  socket.pause()
  socket.write(bundle.repeat(60))
  let before = -1
  await until(async () => {
    const isStill = before === handled()
    before = handled()
    await sleep(100)
    return isStill && before > 0
  })
  t.ok(handled() < 30, `${handled()} of 60`)
})

t.test('a pipelined request is handled when the one before it has been answered', async (t) => {
  const { app, port } = await listen(t, { ARGON2_MEMORY_KIB: '65536', ARGON2_ITERATIONS: '3' })
  await register(app)
  const handled = counter(t, HANDLED)
  const login = post('/api/token/', { username: 'alice', password: PASSWORD })
  const talking = talk(port, [login + live.repeat(19) + lastLive])
  await until(() => handled() > 0)
  await sleep(30)
  t.equal(handled(), 1)
  const { answers } = await talking
  t.same(
    answers.map(({ status }) => status),
    Array.from({ length: 21 }, () => 200),
  )
  t.match(answers[0]?.body, '"refresh":')
})

t.test('a packet with more pipelined requests than may wait ends its own connection, and no other', async (t) => {
  const { app, port } = await listen(t)
  await register(app)
  const { access } = await logIn(app)
  const [handled, read] = [counter(t, HANDLED), counter(t, READ)]
  const other = await open(t, port)
  const { answers, isEnded } = await talk(port, [live.repeat(1000)])
  t.ok(isEnded)
  t.ok(answers.length <= 200)
  t.ok(handled() <= 200, `${handled()} were handled`)
  t.ok(read() <= 203, `${read()} were read`)
  other.write(post('/api/token/verify/', { token: access }).replace('\r\n', '\r\nConnection: close\r\n'))
  t.match(parseAnswers(await untilClosed(other)), [{ status: 200, body: '{}' }])
  const { answers: later } = await talk(port, [live.repeat(149) + lastLive])
  t.equal(later.length, 150, 'requests of the ended connection no longer count as waiting')
})
