// Not on PostgreSQL: it is about HTTP, before the database is asked.
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { build, logIn, post, register } from '../helper.ts'
import { talk } from '../server/talk.ts'
import { BAD_BODIES } from './bodies.ts'
import { answerOf, ENDPOINTS, HEADER, OBTAIN, problem, REGISTER } from './wire.ts'

const notFound = problem(404, 'not_found', 'Not found.')
const notAllowed = (method: string) => problem(405, 'method_not_allowed', `Method "${method}" not allowed.`)
/** Without GET and HEAD, which `/api/users/` answers to staff. */
const METHODS = ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'] as const
const READING = ['/health/live', '/health/ready', '/.well-known/jwks.json', '/openapi.json', '/openapi-3.0.json']

function allowOf(header: unknown): string[] {
  return String(header).split(/, */).sort()
}

t.test('B0, A24: a wrong method is 405 with every token, and Allow lists the right methods', async (t) => {
  const app = await build(t)
  await register(app)
  const { access } = await logIn(app)
  for (const url of ENDPOINTS) {
    const methods = url === REGISTER ? METHODS : (['GET', ...METHODS] as const)
    for (const method of methods) {
      for (const authorization of [`Bearer ${access}`, 'Bearer garbage', 'Bearer', 'Basic x', '']) {
        const answer = await app.inject({ method, url, headers: { authorization } })
        t.strictSame(answerOf(answer), notAllowed(method), `${method} ${url} ${authorization.slice(0, 15)}`)
        t.ok(allowOf(answer.headers.allow).includes('POST'), `${method} ${url} allows POST`)
        const allowed = url === REGISTER ? ['GET', 'HEAD', 'POST'] : ['POST']
        t.strictSame(allowOf(answer.headers.allow), allowed, `${method} ${url} allows nothing else`)
      }
    }
    if (url === REGISTER) continue
    const head = await app.inject({ method: 'HEAD', url })
    t.strictSame(
      { status: head.statusCode, body: head.body, allow: head.headers.allow },
      { status: 405, body: '', allow: 'POST' },
      `HEAD ${url}`,
    )
  }
})

t.test('B0: a wrong method is refused before the body is read', async (t) => {
  const app = await build(t)
  for (const url of [OBTAIN, HEADER, '/health/live']) {
    for (const [payload, type] of BAD_BODIES) {
      const answer = await app.inject({ method: 'PUT', url, headers: { 'content-type': type }, payload })
      t.strictSame(answerOf(answer), notAllowed('PUT'), `${url} ${type} ${payload.slice(0, 9)}`)
    }
  }
})

t.test('A24: where there is a GET, HEAD answers the same without the body, and other methods are 405', async (t) => {
  const app = await build(t)
  for (const url of READING) {
    const get = await app.inject({ method: 'GET', url })
    const head = await app.inject({ method: 'HEAD', url })
    t.strictSame([get.statusCode, head.statusCode, head.body], [200, 200, ''], url)
    for (const header of ['content-type', 'cache-control', 'content-length'])
      t.equal(head.headers[header], get.headers[header], `${url} ${header}`)
    for (const method of ['POST', ...METHODS] as const) {
      const answer = await app.inject({ method, url })
      t.strictSame(answerOf(answer), notAllowed(method), `${method} ${url}`)
      t.strictSame(allowOf(answer.headers.allow), ['GET', 'HEAD'], `${method} ${url} allows`)
    }
  }
})

t.test('A24: a preflight is answered for the origins in CORS_ORIGINS only', async (t) => {
  const app = await build(t, { CORS_ORIGINS: 'https://app.example.com,https://admin.example.com' })
  const preflight = (origin: string) =>
    app.inject({
      method: 'OPTIONS',
      url: OBTAIN,
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,authorization' },
    })
  for (const origin of ['https://app.example.com', 'https://admin.example.com']) {
    const answer = await preflight(origin)
    t.strictSame([answer.statusCode, answer.body, answer.headers['access-control-allow-origin']], [204, '', origin])
    t.ok(allowOf(answer.headers['access-control-allow-methods']).includes('POST'))
    t.match(String(answer.headers['access-control-allow-headers']).toLowerCase(), /authorization.*content-type|content-type.*authorization/)
    t.notOk('access-control-allow-credentials' in answer.headers, 'there are no cookies to allow')
    const wrong = await post(app, OBTAIN, {}, { origin })
    t.strictSame([wrong.statusCode, wrong.headers['access-control-allow-origin']], [400, origin], 'errors can be read too')
  }
  for (const origin of ['https://evil.example.com', 'http://app.example.com', 'null']) {
    t.notOk('access-control-allow-origin' in (await preflight(origin)).headers, origin)
  }
  t.strictSame(answerOf(await app.inject({ method: 'PUT', url: OBTAIN })), notAllowed('PUT'), 'other methods stay 405')
})

t.test('A24: a wrong method on a path with a parameter is 405 for every value of it', async (t) => {
  const app = await build(t)
  for (const url of ['/api/users/me/sessions/7/', '/api/users/me/sessions/x', '/api/users/me/sessions/%41/?a=b']) {
    const answer = await app.inject({ method: 'PUT', url })
    t.strictSame(answerOf(answer), notAllowed('PUT'), url)
    t.equal(answer.headers.allow, 'DELETE')
  }
  t.strictSame(answerOf(await app.inject('/api/users/me/sessions/7/8/')), notFound)
  for (const url of ['/api/users/7/', '/api/users/9007199254740993', '/api/users/1/?a=b']) {
    const answer = await app.inject({ method: 'PUT', url })
    t.strictSame(answerOf(answer), notAllowed('PUT'), url)
    t.strictSame(allowOf(answer.headers.allow), ['GET', 'HEAD', 'PATCH'])
  }
})

t.test('A24: what is no id is no user, and words under /api/users/ stay what they are', async (t) => {
  const app = await build(t)
  const others = ['0', '-1', '1e3', '01', '1.0', '0x1', 'x', '1%20', '99999999999999999', '1'.repeat(100), '1/2']
  for (const id of others) {
    for (const method of ['GET', 'PATCH', 'PUT'] as const)
      t.strictSame(answerOf(await app.inject({ method, url: `/api/users/${id}/` })), notFound, `${method} ${id}`)
  }
  for (const url of ['/api/users/authentication/', '/api/users/create/', '/api/users/me/delete/']) {
    const answer = await app.inject(url)
    t.strictSame([answerOf(answer), answer.headers.allow], [notAllowed('GET'), 'POST'], url)
  }
})

t.test('A24: a request whose target is an absolute URL is answered as its path', async (t) => {
  const app = await build(t)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const request = 'PUT http://localhost/api/token/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
  t.match(await talk((app.server.address() as AddressInfo).port, [request]), { answers: [{ status: 405, headers: { allow: 'POST' } }] })
})
