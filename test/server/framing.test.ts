// Not on PostgreSQL: it is about HTTP alone.
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { build, PASSWORD } from '../helper.ts'
import { assertProblem, badRequest, chunked, close, json, verify } from './requests.ts'
import { listen } from './sockets.ts'
import { open, parseAnswers, talk } from './talk.ts'

const required = { token: ['This field is required.'] }
const missing = { title: 'Bad Request', status: 400, detail: 'Not valid: token.', code: 'invalid', ...required, errors: required }

/** Unusual requests that HTTP allows: each is answered like any empty object. */
const understood: [name: string, pieces: string[]][] = [
  ['chunks', [`${verify}${close}${json}${chunked}\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n`]],
  ['chunks that come one by one', [`${verify}${close}${json}${chunked}\r\n`, '1\r\n{\r\n', '1\r\n', '}\r\n', '0\r\n', '\r\n']],
  ['chunks with an extension and a trailer', [`${verify}${close}${json}${chunked}\r\n2;a=b\r\n{}\r\n0\r\nX-A: b\r\n\r\n`]],
  ['a chunk size with zeros before it', [`${verify}${close}${json}${chunked}\r\n0002\r\n{}\r\n0\r\n\r\n`]],
  ['no body, in chunks', [`${verify}${close}${json}${chunked}\r\n0\r\n\r\n`]],
  ['a request byte by byte', [...(`${verify}${close}${json}Content-Length: 2\r\n\r\n{}`.match(/[\s\S]{1,12}/g) as string[])]],
  ['100-continue', [`${verify}${close}${json}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`, '{}']],
  ['HTTP/1.0', ['POST /api/token/verify/ HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}']],
  ['empty lines before the request', [`\r\n\r\n${verify}${close}${json}Content-Length: 2\r\n\r\n{}`]],
  ['a whole URL in the request line', [`POST http://x/api/token/verify/ HTTP/1.1\r\n${close}${json}Content-Length: 2\r\n\r\n{}`]],
]

t.test('an unusual but valid request is read like any other', async (t) => {
  const { port } = await listen(t)
  for (const [name, pieces] of understood) {
    await t.test(name, async (t) => {
      const { answers, isEnded } = await talk(port, pieces)
      t.equal(answers.length, 1)
      assertProblem(t, answers[0], missing)
      t.ok(isEnded)
    })
  }
})

t.test('a request whose body is cut off is not handled', async (t) => {
  const { port } = await listen(t)
  for (const request of [
    `${verify}${close}${json}Content-Length: 100\r\n\r\n{"token":`,
    `${verify}${close}${json}${chunked}\r\n5\r\n{"tok`,
    'GET /health/live HTTP/1.1\r\nHo',
  ]) {
    const { answers, isEnded } = await talk(port, [request], { halfClose: true })
    t.ok(isEnded)
    t.equal(answers.length, 1)
    assertProblem(t, answers[0], badRequest)
  }
})

t.test('a body of more than 16 KiB is refused, with a Content-Length and in chunks', async (t) => {
  const { port } = await listen(t)
  const tooLarge = { title: 'Payload Too Large', status: 413, detail: 'The body is larger than 16 KiB.', code: 'payload_too_large' }
  const half = `2001\r\n${' '.repeat(0x2001)}\r\n`
  for (const request of [
    `${verify}${close}${json}Content-Length: 16385\r\n\r\n${' '.repeat(16_385)}`,
    `${verify}${close}${json}Content-Length: 9999999999\r\n\r\n`,
    `${verify}${close}${json}${chunked}\r\n${half}${half}0\r\n\r\n`,
    `${verify}${close}${json}${chunked}\r\n2;${'a'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`,
  ]) {
    const { answers, isEnded } = await talk(port, [request])
    t.ok(isEnded)
    t.equal(answers.length, 1)
    assertProblem(t, answers[0], tooLarge)
  }
  const largest = `${verify}${close}${json}Content-Length: 16384\r\n\r\n{}${' '.repeat(16_382)}`
  t.match((await talk(port, [largest])).answers, [{ status: 400, body: JSON.stringify(missing) }])
})

t.test('a request that does not arrive in time is refused', async (t) => {
  const app = await build(t)
  Object.assign(app.server, { requestTimeout: 200, headersTimeout: 150, connectionsCheckingInterval: 30 })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const port = (app.server.address() as AddressInfo).port
  const late = { title: 'Request Timeout', status: 408, detail: 'The request did not arrive in time.', code: 'request_timeout' }
  for (const request of ['GET /health/live HTTP/1.1\r\nHo', `${verify}${close}${json}Content-Length: 100\r\n\r\n{"token":`]) {
    const { answers, isEnded } = await talk(port, [request])
    t.ok(isEnded)
    t.equal(answers.length, 1)
    assertProblem(t, answers[0], late)
  }
})

t.test('requests sent at once over one connection are answered in their order', async (t) => {
  const { port } = await listen(t)
  const body = JSON.stringify({ username: 'alice', password: PASSWORD })
  const register = `POST /api/users/ HTTP/1.1\r\nHost: x\r\n${json}Content-Length: ${body.length}\r\n\r\n${body}`
  const refused = `POST /api/users/ HTTP/1.1\r\nHost: x\r\n${json}Content-Length: 2\r\n\r\n{}`
  const { answers } = await talk(port, [
    `${register}GET /nothing HTTP/1.1\r\nHost: x\r\n\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n\r\n${refused}GET /health/ready HTTP/1.1\r\n${close}\r\n`,
  ])
  t.same(
    answers.map(({ status }) => status),
    [201, 404, 200, 400, 200],
  )
})

t.test('a request that follows a refused one on its connection is not read', async (t) => {
  const { port } = await listen(t)
  const smuggled = 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n'
  const { answers, isEnded } = await talk(port, [
    `${verify}Host: x\r\n${json}Content-Length: ${smuggled.length}\r\n${chunked}\r\n0\r\n\r\n${smuggled}`,
  ])
  t.ok(isEnded)
  t.equal(answers.length, 1)
  assertProblem(t, answers[0], badRequest)
})

t.test('a request under way is answered before the refusal of the malformed one behind it', async (t) => {
  const { port } = await listen(t, { ARGON2_MEMORY_KIB: '65536', ARGON2_ITERATIONS: '3' })
  const body = JSON.stringify({ username: 'nobody', password: PASSWORD })
  const login = `POST /api/token/ HTTP/1.1\r\nHost: x\r\n${json}Content-Length: ${body.length}\r\n\r\n${body}`
  const { answers, isEnded } = await talk(port, [`${login}no request\r\n\r\n`])
  t.ok(isEnded)
  // A client matches answers to requests by their order: the refusal must not be taken for the answer to the login.
  t.notSame(answers[0]?.status, 400)
})

t.test('a client that disconnects in the middle of a request harms no other', async (t) => {
  const { app, port } = await listen(t)
  const body = JSON.stringify({ username: 'alice', password: PASSWORD })
  for (let i = 0; i < 20; i++) {
    const socket = await open(t, port)
    socket.write(
      `POST /api/users/ HTTP/1.1\r\nHost: x\r\n${json}Content-Length: ${body.length}\r\n\r\n${body.slice(0, i % 2 ? undefined : 5)}`,
    )
    await sleep(2)
    socket.resetAndDestroy()
  }
  await sleep(50)
  t.equal((await app.inject('/health/ready')).statusCode, 200)
})

t.test('HEAD is answered like GET, without the body', async (t) => {
  const { port } = await listen(t)
  const socket = await open(t, port)
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk
  })
  socket.write(`HEAD /health/live HTTP/1.1\r\n${close}\r\n`)
  await new Promise((resolve) => socket.once('close', resolve))
  t.match(text, /^HTTP\/1\.1 200 OK\r\n/)
  t.match(text, /content-length: 15\r\n/)
  t.ok(text.endsWith('\r\n\r\n'))
  t.equal(parseAnswers(text.replace(/content-length: 15/, 'content-length: 0')).length, 1)
})
