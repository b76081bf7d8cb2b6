import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { databaseUrl, isClosed, isOpen } from '../databases.ts'
import { PASSWORD } from '../helper.ts'
import { postTo, type Service, start } from './process.ts'
import { live, until, untilClosed } from './sockets.ts'
import { open, parseAnswers, talk, type WireAnswer } from './talk.ts'

/** A login without its body. Once the service has read it, it says `100 Continue` (RFC 9110 §10.1.1), and the request is under way. */
function loginHead(body: string): string {
  return `POST /api/token/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`
}

/** What is still open 8 seconds after the signal is cut off: an end that waited for it comes no earlier. */
const CUT_MS = 8000

const stopping = {
  status: 503,
  body: { title: 'Service Unavailable', status: 503, detail: 'The service is stopping. Try again.', code: 'stopping' },
}

/** The answers that come over a connection until it is closed. */
async function answersOn(socket: Socket): Promise<WireAnswer[]> {
  return parseAnswers(await untilClosed(socket))
}

async function serve(t: Test, env: Record<string, string> = {}): Promise<Service & { database: string }> {
  const database = await databaseUrl(t)
  return { ...(await start(t, { DATABASE_URL: database, ...env })), database }
}

/** Sends something, and waits until the service sends something back. */
async function ask(socket: Socket, text: string): Promise<void> {
  const answered = once(socket, 'data')
  socket.write(text)
  await answered
}

/** Begins a login, for which the body is still to be sent. */
async function beginLogin(t: Test, { port }: Service, body: string): Promise<{ socket: Socket; answers: Promise<WireAnswer[]> }> {
  const socket = await open(t, port)
  const answers = answersOn(socket)
  await ask(socket, loginHead(body))
  return { socket, answers }
}

/** Resolves once the service has begun to stop: before it closes its port, it refuses new requests. */
async function untilStopping(port: number): Promise<void> {
  await until(() => isRefused(port))
}

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true))
    socket.once('connect', () => socket.destroy())
  })
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} ends an idle service without waiting for its connections, with code 0 and its database closed`, async (t) => {
    const service = await serve(t)
    const idle = await open(t, service.port)
    const closed = answersOn(idle)
    await ask(idle, live)
    t.ok(await isOpen(service.database))
    const end = await service.stop(signal)
    t.match(end, { code: 0, signal: null })
    t.ok(end.ms < CUT_MS, `${end.ms} ms`)
    t.same(
      (await closed).map(({ status, body }) => ({ status, body })),
      [{ status: 200, body: '{"status":"ok"}' }],
    )
    t.ok(await isClosed(service.database))
    t.notMatch(service.output(), /"level":(50|60)/)
  })
}

t.test('a connection on which nothing was sent yet does not delay the end', async (t) => {
  const service = await serve(t)
  const silent = await open(t, service.port)
  silent.resume()
  // Connections are accepted in their order: the silent one has been, too.
  await ask(await open(t, service.port), live)
  const end = await service.stop()
  t.match(end, { code: 0, signal: null })
  t.ok(end.ms < CUT_MS, `${end.ms} ms`)
})

t.test('a request under way is answered, and then its connection and the service end at once', async (t) => {
  const service = await serve(t)
  const credentials = { username: 'alice', password: PASSWORD }
  t.match(await postTo(`${service.url}/api/users/`, credentials), { status: 201 })
  const body = JSON.stringify(credentials)
  const { socket, answers } = await beginLogin(t, service, body)
  const ended = service.stop()
  await untilStopping(service.port)
  socket.write(body)
  const end = await ended
  t.match(end, { code: 0, signal: null })
  t.ok(end.ms < CUT_MS, `${end.ms} ms`)
  const [answer] = await answers
  t.equal(answer?.status, 200)
  t.same(Object.keys(JSON.parse(answer?.body as string)), ['refresh', 'access'])
  t.equal(answer?.headers.connection, 'close')
  t.ok(await isClosed(service.database))
})

t.test('repeated signals change nothing, and a later request is answered 503 or not at all', async (t) => {
  const service = await serve(t)
  const body = JSON.stringify({ username: 'alice', password: PASSWORD })
  const { socket, answers } = await beginLogin(t, service, body)
  const ended = service.stop()
  await untilStopping(service.port)
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM'] as const) process.kill(service.pid, signal)
  // Pipelined behind the login on the same connection: it is answered after it, or not at all.
  socket.write(`${body}${live}`)
  t.match(await ended, { code: 0, signal: null })
  const [first, ...later] = await answers
  t.equal(first?.status, 401)
  for (const { status, body } of later) t.same({ status, body: JSON.parse(body) }, stopping)
  t.ok(await isClosed(service.database))
  t.match(await talk(service.port, [live]), { answers: [], isEnded: true }, 'no new connection is accepted')
})

t.test('a request that arrives on an open connection while the service stops is answered 503 `stopping`', async (t) => {
  const service = await serve(t)
  const socket = await open(t, service.port)
  const answers = answersOn(socket)
  // The answer to the first tells that the half of the second has been read, too.
  await ask(socket, `${live}GET /health/ready HTTP/1.1\r\nHost: x\r\n`)
  const ended = service.stop()
  await untilStopping(service.port)
  socket.write('\r\n')
  t.match(await ended, { code: 0, signal: null })
  t.same(
    (await answers).map(({ status, body }) => ({ status, body: JSON.parse(body) })),
    [{ status: 200, body: { status: 'ok' } }, stopping],
  )
})
