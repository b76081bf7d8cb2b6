// Not on PostgreSQL: it is about HTTP alone.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { logIn, PASSWORD, register } from '../helper.ts'
import { bundle, lastLive, listen, live, until, untilClosed } from './sockets.ts'
import { open, parseAnswers, talk } from './talk.ts'

function post(path: string, body: unknown): string {
  const text = JSON.stringify(body)
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`
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
