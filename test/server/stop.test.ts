import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { databaseUrl, isClosed, isOpen } from '../databases.ts'
import { PASSWORD } from '../helper.ts'
import { postTo, type Service, start } from './process.ts'
import { live, untilClosed } from './sockets.ts'
import { open, parseAnswers, talk, type WireAnswer } from './talk.ts'

/** One hash takes some tenths of a second, so that a test can act meanwhile. */
const SLOW_HASHING = { ARGON2_MEMORY_KIB: '65536', ARGON2_ITERATIONS: '8', HASHING_CONCURRENCY: '1' }

function login(password = PASSWORD): string {
  const body = JSON.stringify({ username: 'alice', password })
  return `POST /api/token/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** What is still open 8 seconds after the signal is cut off: an end that waited for it would come no earlier. */
const BEFORE_THE_CUT_MS = 6000

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

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} ends an idle service without waiting for its connections, with code 0 and its database closed`, async (t) => {
    const service = await serve(t)
    const idle = await open(t, service.port)
    const closed = answersOn(idle)
    idle.write(live)
    await sleep(50)
    t.ok(await isOpen(service.database))
    const end = await service.stop(signal)
    t.match(end, { code: 0, signal: null })
    t.ok(end.ms < BEFORE_THE_CUT_MS, `${end.ms} ms`)
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
  await sleep(50)
  const end = await service.stop()
  t.match(end, { code: 0, signal: null })
  t.ok(end.ms < BEFORE_THE_CUT_MS, `${end.ms} ms`)
})

t.test('a request under way is answered, and then its connection and the service end at once', async (t) => {
  const service = await serve(t, SLOW_HASHING)
  t.match(await postTo(`${service.url}/api/users/`, { username: 'alice', password: PASSWORD }), { status: 201 })
  const socket = await open(t, service.port)
  const answers = answersOn(socket)
  socket.write(login())
  await sleep(80)
  const end = await service.stop()
  t.match(end, { code: 0, signal: null })
  t.ok(end.ms < BEFORE_THE_CUT_MS, `${end.ms} ms`)
  const [answer] = await answers
  t.equal(answer?.status, 200)
  t.same(Object.keys(JSON.parse(answer?.body as string)), ['refresh', 'access'])
  t.equal(answer?.headers.connection, 'close')
  t.ok(await isClosed(service.database))
})

t.test('repeated signals change nothing, and a later request is answered 503 or not at all', async (t) => {
  const service = await serve(t, SLOW_HASHING)
  const socket = await open(t, service.port)
  const answers = answersOn(socket)
  socket.write(login())
  await sleep(80)
  const ended = service.stop()
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM'] as const) {
    await sleep(10)
    process.kill(service.pid, signal)
  }
  // Pipelined behind the login on the same connection: it is answered after it, or not at all.
  socket.write(live)
  t.match(await ended, { code: 0, signal: null })
  const [first, ...later] = await answers
  t.equal(first?.status, 401)
  for (const { status, body } of later) t.same({ status, body: JSON.parse(body) }, stopping)
  t.ok(await isClosed(service.database))
  t.match(await talk(service.port, [live]), { answers: [], isEnded: true }, 'no new connection is accepted')
})

t.test('a request that arrives on an open connection while the service stops is answered 503 `stopping`', async (t) => {
  const service = await serve(t, SLOW_HASHING)
  const busy = await open(t, service.port)
  busy.resume()
  const half = await open(t, service.port)
  const answers = answersOn(half)
  half.write('GET /health/ready HTTP/1.1\r\nHost: x\r\n')
  busy.write(login('no such user, hashed all the same'))
  await sleep(80)
  const ended = service.stop()
  await sleep(30)
  half.write('\r\n')
  t.match(await ended, { code: 0, signal: null })
  t.same(
    (await answers).map(({ status, body }) => ({ status, body: JSON.parse(body) })),
    [stopping],
  )
})
