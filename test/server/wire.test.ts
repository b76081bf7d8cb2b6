// Not on PostgreSQL: it is about HTTP alone.
import t from 'tap'
import { assertProblem, badRequest, chunked, close, headersTooLarge, json, notAllowed, notFound, parseError, verify } from './requests.ts'
import { listen } from './sockets.ts'
import { talk } from './talk.ts'

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
  [
    'a parameter of the path beyond 100 characters',
    `DELETE /api/users/me/sessions/${'a'.repeat(101)} HTTP/1.1\r\n${close}\r\n`,
    { ...badRequest, detail: 'The URL is too long.' },
  ],
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
