// Not on PostgreSQL: it is about HTTP, before the database is asked.
import t from 'tap'
import { build, logIn, PASSWORD, post, register } from '../helper.ts'
import { BAD_BODIES } from './bodies.ts'
import { answerOf, ENDPOINTS, LOGIN, OBTAIN, postRaw, problem, REFRESH, REFRESH_AND_VERIFY, REGISTER, VERIFY } from './wire.ts'

const notFound = problem(404, 'not_found', 'Not found.')

t.test('A1: a path answers the same with and without its trailing slash', async (t) => {
  const app = await build(t, { LIMITS: 'off' })
  await register(app)
  const { access } = await logIn(app)
  const bodies = ['{}', '{', '[]', JSON.stringify({ username: 'alice', password: 'wrong horse' }), '{"refresh":"x","token":"x"}']
  for (const url of ENDPOINTS) {
    const short = url.slice(0, -1)
    for (const body of bodies) {
      for (const headers of [{}, { authorization: `Bearer ${access}` }, { authorization: 'Bearer x' }]) {
        const answer = answerOf(await postRaw(app, url, body, 'application/json', headers))
        t.strictSame(answerOf(await postRaw(app, short, body, 'application/json', headers)), answer, `${short} ${body}`)
        t.strictSame(answerOf(await postRaw(app, `${short}?a=b`, body, 'application/json', headers)), answer, `${short}?a=b ${body}`)
      }
    }
    t.strictSame(
      answerOf(await app.inject({ method: 'PUT', url: short })),
      answerOf(await app.inject({ method: 'PUT', url })),
      `PUT ${short}`,
    )
  }
  for (const url of ['/api/token', '/api/users/authentication']) {
    t.equal((await post(app, url, { username: 'alice', password: PASSWORD })).statusCode, 200, url)
  }
})

t.test('A1: the document lists the paths with the slash', async (t) => {
  const app = await build(t)
  const { paths } = (await app.inject('/openapi.json')).json()
  for (const url of ENDPOINTS) {
    t.ok(paths[url]?.post, url)
    t.notOk(paths[url.slice(0, -1)], url.slice(0, -1))
  }
})

t.test('B0, A2: an unknown path is 404, and paths are case-sensitive', async (t) => {
  const app = await build(t)
  const urls = [
    '/',
    '/api',
    '/api/',
    '/api/Token/',
    '/API/token/',
    '/api/tokens/',
    '/api/token/verify/x/',
    '/api//token/',
    '/admin/',
    '/favicon.ico',
  ]
  for (const url of urls) {
    for (const method of ['GET', 'POST', 'PUT', 'OPTIONS'] as const)
      t.strictSame(answerOf(await app.inject({ method, url })), notFound, `${method} ${url}`)
    const head = await app.inject({ method: 'HEAD', url })
    t.strictSame({ status: head.statusCode, body: head.body }, { status: 404, body: '' }, `HEAD ${url}`)
  }
})

t.test('B0: an unknown path is 404 for every body and content type', async (t) => {
  const app = await build(t)
  for (const [body, type] of BAD_BODIES)
    t.strictSame(answerOf(await postRaw(app, '/nowhere', body, type)), notFound, `${type} ${body.slice(0, 9)}`)
})

t.test('A12: an endpoint that needs no token ignores the Authorization header', async (t) => {
  const app = await build(t)
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  const values = [
    'Bearer',
    'Bearer x y',
    'Bearer garbage',
    'Basic',
    'Basic !',
    'Basic a b',
    basic('alice:wrong'),
    basic('alice'),
    'Nonsense',
    '',
  ]
  for (const url of [REGISTER, LOGIN, OBTAIN, REFRESH, VERIFY, REFRESH_AND_VERIFY]) {
    const plain = answerOf(await post(app, url, {}))
    for (const authorization of values)
      t.strictSame(answerOf(await post(app, url, {}, { authorization })), plain, `${url} ${authorization}`)
    const cookies = { cookie: 'sessionid=x; csrftoken=y' }
    t.strictSame(answerOf(await post(app, url, {}, cookies)), plain, `${url} with a cookie`)
  }
})

t.test('A25: the answer is JSON for every Accept header and format, and /docs is a page for people', async (t) => {
  const app = await build(t)
  const plain = answerOf(await post(app, OBTAIN, {}))
  for (const accept of ['text/html', 'application/xml', 'image/*', '*/*;q=0', 'nonsense', '']) {
    t.strictSame(answerOf(await post(app, OBTAIN, {}, { accept })), plain, `Accept: ${accept}`)
  }
  for (const query of ['?format=xml', '?format=json', '?format=api', '?'])
    t.strictSame(answerOf(await post(app, `${OBTAIN}${query}`, {})), plain, query)
  t.strictSame(answerOf(await app.inject({ url: '/nowhere', headers: { accept: 'text/html' } })), notFound)
  const docs = await app.inject('/docs')
  const page = docs.statusCode === 302 ? await app.inject(String(docs.headers.location)) : docs
  t.match({ status: page.statusCode, type: page.headers['content-type'] }, { status: 200, type: /^text\/html/ })
})
