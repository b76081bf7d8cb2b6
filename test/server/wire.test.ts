import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { build, PASSWORD, type TestApp } from '../helper.ts'
import { open, parseAnswers, talk, type WireAnswer } from './process.ts'

/** An app that listens on a free port. */
async function listen(t: Parameters<typeof build>[0], env: Record<string, string> = {}): Promise<{ app: TestApp; port: number }> {
  const app = await build(t, env)
  await app.listen({ host: '127.0.0.1', port: 0 })
  return { app, port: (app.server.address() as AddressInfo).port }
}

const badRequest = { title: 'Bad Request', status: 400, detail: 'The request cannot be understood.', code: 'bad_request' }
const headersTooLarge = {
  title: 'Request Header Fields Too Large',
  status: 431,
  detail: 'The headers are larger than 16 KiB.',
  code: 'headers_too_large',
}
const notFound = { title: 'Not Found', status: 404, detail: 'Not found.', code: 'not_found' }
const parseError = (why: string) => ({ title: 'Bad Request', status: 400, detail: `JSON parse error - ${why}`, code: 'parse_error' })
const notAllowed = (method: string) => ({
  title: 'Method Not Allowed',
  status: 405,
  detail: `Method "${method}" not allowed.`,
  code: 'method_not_allowed',
})

const securityHeaders = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

const close = 'Host: x\r\nConnection: close\r\n'
const verify = 'POST /api/token/verify/ HTTP/1.1\r\n'
const json = 'Content-Type: application/json\r\n'
const chunked = 'Transfer-Encoding: chunked\r\n'

/** Requests that are refused, each with the problem that answers it. */
const refused: [name: string, request: string, problem: { status: number }][] = [
  ['no request line', 'hello\r\n\r\n', badRequest],
  ['a TLS hello', '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03', badRequest],
  ['a version that does not exist', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n', badRequest],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', badRequest],
  ['a space in the path', `GET /a b HTTP/1.1\r\n${close}\r\n`, badRequest],
  ['a NUL in the path', `GET /a\0b HTTP/1.1\r\n${close}\r\n`, badRequest],
  ['an unknown method', `FOO /api/token/ HTTP/1.1\r\n${close}\r\n`, badRequest],
  ['a method in lower case', `get /health/live HTTP/1.1\r\n${close}\r\n`, badRequest],
  ['no Host', 'GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n', badRequest],
  ['two hosts', `GET /health/live HTTP/1.1\r\nHost: y\r\n${close}\r\n`, badRequest],
  ['bad percent-encoding in the path', `GET /%ff%zz HTTP/1.1\r\n${close}\r\n`, badRequest],
  ['half a percent-encoding in the path', `GET /% HTTP/1.1\r\n${close}\r\n`, badRequest],
  [
    'Content-Length beside Transfer-Encoding',
    `${verify}${close}${json}Content-Length: 2\r\n${chunked}\r\n2\r\n{}\r\n0\r\n\r\n`,
    badRequest,
  ],
  [
    'Transfer-Encoding beside Content-Length',
    `${verify}${close}${json}${chunked}Content-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
    badRequest,
  ],
  ['two equal lengths', `${verify}${close}${json}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}`, badRequest],
  ['two different lengths', `${verify}${close}${json}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} `, badRequest],
  ['a list of lengths', `${verify}${close}${json}Content-Length: 2, 2\r\n\r\n{}`, badRequest],
  ['a negative length', `${verify}${close}${json}Content-Length: -2\r\n\r\n{}`, badRequest],
  ['a length with a sign', `${verify}${close}${json}Content-Length: +2\r\n\r\n{}`, badRequest],
  ['a hexadecimal length', `${verify}${close}${json}Content-Length: 0x2\r\n\r\n{}`, badRequest],
  ['a length beyond all numbers', `${verify}${close}${json}Content-Length: 99999999999999999999\r\n\r\n{}`, badRequest],
  ['chunked not last', `${verify}${close}${json}Transfer-Encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n`, badRequest],
  ['an unknown transfer coding', `${verify}${close}${json}Transfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`, badRequest],
  ['a chunk size that is no number', `${verify}${close}${json}${chunked}\r\nzz\r\n{}\r\n0\r\n\r\n`, badRequest],
  ['a negative chunk size', `${verify}${close}${json}${chunked}\r\n-2\r\n{}\r\n0\r\n\r\n`, badRequest],
  ['a chunk size beyond all numbers', `${verify}${close}${json}${chunked}\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n`, badRequest],
  ['a chunk longer than its size', `${verify}${close}${json}${chunked}\r\n1\r\n{}\r\n0\r\n\r\n`, badRequest],
  ['a chunk that ends with a bare line feed', `${verify}${close}${json}${chunked}\r\n2\n{}\r\n0\r\n\r\n`, badRequest],
  ['lines that end with a bare line feed', 'GET /health/live HTTP/1.1\nHost: x\nConnection: close\n\n', badRequest],
  ['a folded header', `GET /health/live HTTP/1.1\r\n${close}X-A: b\r\n c\r\n\r\n`, badRequest],
  ['a NUL in a header', `GET /health/live HTTP/1.1\r\n${close}X-A: b\0c\r\n\r\n`, badRequest],
  ['a header without a colon', `GET /health/live HTTP/1.1\r\n${close}X-A\r\n\r\n`, badRequest],
  ['a header without a name', `GET /health/live HTTP/1.1\r\n${close}: b\r\n\r\n`, badRequest],
  ['a space before the colon', `GET /health/live HTTP/1.1\r\n${close}Content-Length : 2\r\n\r\n{}`, badRequest],
  ['a carriage return in a header', `GET /health/live HTTP/1.1\r\n${close}X-A: b\rc\r\n\r\n`, badRequest],
  ['headers beyond 16 KiB', `GET /health/live HTTP/1.1\r\n${close}X-A: ${'b'.repeat(17_000)}\r\n\r\n`, headersTooLarge],
  ['20 000 headers', `GET /health/live HTTP/1.1\r\n${close}${'X: y\r\n'.repeat(20_000)}\r\n`, headersTooLarge],
  ['a URL beyond 16 KiB', `GET /${'a'.repeat(17_000)} HTTP/1.1\r\n${close}\r\n`, headersTooLarge],
  ['a long URL', `GET /${'a'.repeat(10_000)} HTTP/1.1\r\n${close}\r\n`, notFound],
  ['a path outside the routes', `GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n${close}\r\n`, notFound],
  ['a NUL, encoded, in the path', `GET /health/live%00 HTTP/1.1\r\n${close}\r\n`, notFound],
  ['a method of WebDAV on a path of the API', `PROPFIND /api/token/ HTTP/1.1\r\n${close}\r\n`, notAllowed('PROPFIND')],
  ['a method of WebDAV on another path', `PROPFIND /nothing HTTP/1.1\r\n${close}\r\n`, notFound],
  ['TRACE', `TRACE /api/token/ HTTP/1.1\r\n${close}\r\n`, notAllowed('TRACE')],
  ['QUERY', `QUERY /api/token/ HTTP/1.1\r\n${close}Content-Length: 2\r\n${json}\r\n{}`, notAllowed('QUERY')],
  ['an upgrade', `GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n`, notFound],
  [
    'an upgrade to HTTP/2',
    `GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
    notFound,
  ],
  [
    'a Content-Length that ends in the middle of the JSON',
    `${verify}${close}${json}Content-Length: 5\r\n\r\n{"a":`,
    parseError('the body is not valid JSON.'),
  ],
]

function assertProblem(
  t: Pick<typeof import('tap').t, 'same' | 'match' | 'equal'>,
  answer: WireAnswer | undefined,
  problem: { status: number },
): void {
  t.equal(answer?.status, problem.status)
  t.same(JSON.parse(answer?.body || '{}'), problem)
  t.match(answer?.headers, { ...securityHeaders, 'content-type': /^application\/problem\+json/, 'x-request-id': /^[\w.:-]{1,64}$/ })
}

t.test('a malformed request is answered with a problem document and ends its connection, and no other', async (t) => {
  const { port } = await listen(t)
  for (const [name, request, problem] of refused) {
    await t.test(name, async (t) => {
      const { answers, isEnded } = await talk(port, [request])
      t.equal(answers.length, 1)
      assertProblem(t, answers[0], problem)
      t.ok(isEnded, 'the connection is ended')
      t.match(await talk(port, [`GET /health/live HTTP/1.1\r\n${close}\r\n`]), { answers: [{ status: 200, body: '{"status":"ok"}' }] })
    })
  }
})

t.test('CONNECT is answered with an error or a closed connection', async (t) => {
  const { port } = await listen(t)
  const { answers, isEnded } = await talk(port, ['CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n'])
  t.ok(isEnded)
  for (const { status } of answers) t.ok(status >= 400 && status < 500)
})

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
