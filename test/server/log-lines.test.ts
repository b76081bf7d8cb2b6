// Not on PostgreSQL: it is about HTTP alone.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { buildApp } from '../../app.ts'
import { loadConfig } from '../../config.ts'
import { sharedCompilers } from '../compilers.ts'
import { databaseUrl } from '../databases.ts'
import { environment } from './process.ts'
import { open, talk } from './talk.ts'

type Line = Record<string, unknown>

/** A service that listens, with the lines of its log, and a route `/held/` that answers, with 9 MB, when the test lets it. */
async function logged(t: Test, env: Record<string, string> = {}) {
  const lines: Line[] = []
  const waiting = new Set<() => void>()
  const config = loadConfig({ ...environment({}), DATABASE_URL: await databaseUrl(t), ...env })
  const log = {
    write(line: string) {
      lines.push(JSON.parse(line))
      for (const look of waiting) look()
    },
  }
  const elapsed = { ms: 0 }
  const app = await buildApp({ config, log, monotonic: () => elapsed.ms, schemaController: { compilersFactory: sharedCompilers } })
  const asked = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  app.post('/held/', async () => {
    asked.resolve()
    await held.promise
    return 'x'.repeat(9_000_000)
  })
  t.teardown(() => app.close())
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  /** The first line about a request that fits, without what differs in each run. */
  const lineOf = async (id: string): Promise<Line> => {
    const find = () => lines.find(({ reqId }) => reqId === id)
    while (find() === undefined) await new Promise<void>((look) => waiting.add(look))
    return told(find() as Line)
  }
  return { app, elapsed, port: Number(new URL(url).port), lines, lineOf, asked: asked.promise, answer: held.resolve }
}

function told({ time, pid, hostname, ms, ...line }: Line): Line {
  return line
}

const POST = (id: string, length = 2) =>
  `POST /held/ HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n{}`
const heldLine = (reqId: string) => ({ level: 30, reqId, method: 'POST', path: '/held/', ip: '127.0.0.1' })
const wentAway = { aborted: true, msg: 'the client went away' }

const ways: readonly [name: string, end: (socket: Socket) => unknown][] = [
  ['closes', (socket) => socket.destroy()],
  ['resets', (socket) => socket.resetAndDestroy()],
]

for (const [name, end] of ways) {
  t.test(`a client that ${name} its connection while its body is sent has a line that says so`, async (t) => {
    const { app, port, lineOf } = await logged(t)
    const socket = await open(t, port)
    socket.write(POST('body', 1000))
    await once(app.server, 'request')
    end(socket)
    t.strictSame(await lineOf('body'), { ...heldLine('body'), ...wentAway })
  })

  t.test(
    `a client that ${name} its connection before the answer has a line that says so, and those that it pipelined have none`,
    async (t) => {
      const { port, lines, lineOf, asked, answer } = await logged(t)
      const socket = await open(t, port)
      socket.write(POST('first') + POST('second'))
      await asked
      end(socket)
      t.strictSame(await lineOf('first'), { ...heldLine('first'), ...wentAway })
      answer()
      await talk(port, ['GET /nothing HTTP/1.1\r\nHost: x\r\nX-Request-Id: later\r\nConnection: close\r\n\r\n'])
      await lineOf('later')
      t.strictSame(
        lines.map(({ reqId }) => reqId).filter((id) => id !== undefined),
        ['first', 'later'],
      )
    },
  )

  t.test(`a client that ${name} its connection while the answer is sent has a line with the status that it was sent`, async (t) => {
    const { port, lineOf, answer } = await logged(t)
    const socket = await open(t, port)
    socket.write(POST('answer'))
    answer()
    await once(socket, 'data')
    socket.pause()
    end(socket)
    t.strictSame(await lineOf('answer'), { ...heldLine('answer'), status: 200, ...wentAway })
  })
}

t.test('a connection that the service cuts has a line that does not blame the client', async (t) => {
  const { app, port, lineOf, asked } = await logged(t)
  const socket = await open(t, port)
  socket.write(POST('cut'))
  await asked
  app.server.closeAllConnections()
  t.strictSame(await lineOf('cut'), { ...heldLine('cut'), aborted: true, msg: 'the connection was cut' })
})

t.test('a refused request has its code, also one that reaches no route and no hook', async (t) => {
  const { port, lines, lineOf } = await logged(t)
  const send = (line: string, rest = '\r\n') =>
    talk(port, [`${line} HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\nConnection: close\r\n${rest}`])
  await send('GET /nothing')
  await lineOf('a')
  await send('DELETE /api/token/')
  await send('POST /api/token/', 'Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}')
  await send('GET /%zz')
  t.strictSame(
    lines.filter(({ reqId }) => reqId === 'a').map(({ method, path, status, code, aborted }) => ({ method, path, status, code, aborted })),
    [
      { method: 'GET', path: undefined, status: 404, code: 'not_found', aborted: undefined },
      { method: 'DELETE', path: '/api/token/', status: 405, code: 'method_not_allowed', aborted: undefined },
      { method: 'POST', path: '/api/token/', status: 400, code: 'invalid', aborted: undefined },
      { method: 'GET', path: undefined, status: 400, code: 'bad_request', aborted: undefined },
    ],
  )
})

t.test('bytes that are no request have a line with the id and the code of their answer, and without the bytes', async (t) => {
  const { port, lineOf } = await logged(t)
  const idOf = async (...pieces: string[]) => (await talk(port, pieces)).answers[0]?.headers['x-request-id'] ?? ''
  const line = (reqId: string) => ({ level: 30, reqId, ip: '127.0.0.1', msg: 'a request could not be understood' })
  const junk = await idOf('hunter2 \r\n\r\n')
  t.strictSame(await lineOf(junk), { ...line(junk), status: 400, code: 'bad_request', reason: 'HPE_INVALID_METHOD' })
  const large = await idOf(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)
  t.strictSame(await lineOf(large), { ...line(large), status: 431, code: 'headers_too_large', reason: 'HPE_HEADER_OVERFLOW' })
  const chunked =
    'POST /held/ HTTP/1.1\r\nHost: x\r\nX-Request-Id: chunk\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n'
  await idOf(chunked, 'zz')
  t.strictSame(await lineOf('chunk'), { ...heldLine('chunk'), status: 400, code: 'bad_request' }, 'the request it was part of')
})

const probe = (id: string, path = '/health/ready') => `GET ${path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}\r\nConnection: close\r\n\r\n`

t.test('a health probe that is answered 200 has its line at debug only, and one that is not is seen', async (t) => {
  for (const level of ['info', 'debug']) {
    const { app, port, lines, lineOf, elapsed } = await logged(t, { LOG_LEVEL: level })
    await talk(port, [probe('ready')])
    await talk(port, [probe('live', '/health/live')])
    app.db.check = () => Promise.reject(new Error('a fault'))
    elapsed.ms += 1000
    await talk(port, [probe('failed')])
    await lineOf('failed')
    const failed = lines.filter(({ reqId }) => reqId === 'failed').map(({ level, status, code }) => [level, status, code])
    t.strictSame(failed.at(-1), [30, 500, 'internal_error'])
    const healthy = lines.filter(({ status }) => status === 200).map(({ level, reqId }) => [level, reqId])
    t.strictSame(
      healthy,
      level === 'info'
        ? []
        : [
            [20, 'ready'],
            [20, 'live'],
          ],
    )
  }
})

t.test('above info no request has a line', async (t) => {
  const { port, lines } = await logged(t, { LOG_LEVEL: 'warn' })
  await talk(port, [probe('ready'), 'junk\r\n\r\n'])
  await talk(port, ['GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'])
  t.strictSame(
    lines.filter(({ status }) => status !== undefined),
    [],
  )
})
