// Not on PostgreSQL: it is about HTTP alone.
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { build, post, seen } from '../helper.ts'
import { badRequest } from './requests.ts'
import { routesOf, send } from './routes.ts'

const APP = 'https://app.example.com'
/** Origins that resemble the allowed one, and must be refused. */
const STRANGERS = [
  ...['null', '', '*', 'undefined', 'true', 'file://', 'https://', 'https://evil.example', 'https://example.com', 'https://*.example.com'],
  ...['http://app.example.com', 'https://app.example.com:8443', 'https://app.example.com:443', 'https://app.example.com:80'],
  ...['HTTPS://APP.EXAMPLE.COM', 'https://App.example.com', 'https://app.example.com.', 'https://app.example.com/', 'app.example.com'],
  ...['https://app.example.com.evil.example', 'https://app.example.comevil.example', 'https://app.example.co', 'https://app-example.com'],
  ...['https://evil-app.example.com', 'https://evil.app.example.com', 'https://evil.example#https://app.example.com'],
  ...['https://app.example.com@evil.example', 'https://evil.example/https://app.example.com', 'xhttps://app.example.com'],
  ...['https://app.example.com,https://evil.example', 'https://app.example.com, https://app.example.com', 'https://аpp.example.com'],
]
const asked = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,authorization' }

function preflight(app: FastifyInstance, origin: string, method = 'POST', url = '/api/token/') {
  return app.inject({ method: 'OPTIONS', url, headers: { origin, ...asked, 'access-control-request-method': method } })
}

function corsHeaders(headers: Record<string, unknown>): string[] {
  return Object.keys(headers).filter((name) => name.startsWith('access-control-'))
}

t.test('without CORS_ORIGINS no answer has CORS headers, and a preflight is answered 405', async (t) => {
  const app = await build(t)
  for (const origin of [APP, 'null', '*', 'http://localhost:3000']) {
    for (const route of routesOf(app)) {
      const name = `${origin} ${route.method} ${route.url}`
      t.same(corsHeaders((await send(app, route, { origin })).headers), [], name)
      const answer = await preflight(app, origin, route.method, route.url)
      t.same([answer.statusCode, corsHeaders(answer.headers)], [405, []], `${name}, preflight`)
    }
  }
})

t.test('CORS_ORIGINS allows exactly its origins, and none that resembles one of them', async (t) => {
  const app = await build(t, { CORS_ORIGINS: `${APP},http://localhost:5173` })
  const allowed = (headers: Record<string, unknown>) => headers['access-control-allow-origin']
  for (const origin of [APP, 'http://localhost:5173']) {
    t.equal(allowed((await preflight(app, origin)).headers), origin)
    t.equal(allowed((await post(app, '/api/token/', {}, { origin })).headers), origin)
  }
  for (const origin of [...STRANGERS, 'http://localhost:5174', 'https://localhost:5173', 'http://localhost', 'http://127.0.0.1:5173']) {
    t.equal(allowed((await preflight(app, origin)).headers), undefined, `${origin}, preflight`)
    t.equal(allowed((await post(app, '/api/token/', {}, { origin })).headers), undefined, origin)
    t.equal(allowed((await app.inject({ url: '/.well-known/jwks.json', headers: { origin } })).headers), undefined, `${origin}, keys`)
  }
  t.equal(allowed((await app.inject('/.well-known/jwks.json')).headers), undefined, 'no origin')
})

t.test('CORS_ORIGINS allows web views with a scheme of their own, and null where it is named', async (t) => {
  const app = await build(t, { CORS_ORIGINS: 'capacitor://localhost,null' })
  for (const origin of ['capacitor://localhost', 'null']) {
    t.equal((await preflight(app, origin)).headers['access-control-allow-origin'], origin)
    t.equal((await post(app, '/api/token/', {}, { origin })).headers['access-control-allow-origin'], origin)
  }
  for (const origin of ['capacitor://localhost:80', 'capacitor://other', 'ionic://localhost', 'http://localhost', 'NULL', '']) {
    t.equal((await preflight(app, origin)).headers['access-control-allow-origin'], undefined, origin)
  }
})

t.test('with CORS_ORIGINS every answer has Vary: Origin, and none allows credentials', async (t) => {
  const app = await build(t, { CORS_ORIGINS: APP })
  for (const route of routesOf(app)) {
    for (const origin of [APP, 'https://evil.example', 'null']) {
      const name = `${route.method} ${route.url} ${origin}`
      for (const { headers } of [await send(app, route, { origin }), await preflight(app, origin, route.method, route.url)]) {
        t.match(String(headers.vary).split(/, */), ['Origin'], name)
        t.notOk('access-control-allow-credentials' in headers, name)
        t.equal(headers['access-control-allow-origin'], origin === APP ? APP : undefined, name)
      }
    }
    const { headers } = await send(app, route)
    t.match(String(headers.vary).split(/, */), ['Origin'], `${route.method} ${route.url}, no origin`)
  }
})

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** The answer to a preflight that asks for headers. */
function askFor(app: FastifyInstance, headers: string | undefined, origin = APP) {
  const asked = headers === undefined ? {} : { 'access-control-request-headers': headers }
  return app.inject({ method: 'OPTIONS', url: '/api/token/', headers: { origin, 'access-control-request-method': 'POST', ...asked } })
}

t.test('a preflight allows every method, for ten minutes', async (t) => {
  const app = await build(t, { CORS_ORIGINS: APP })
  for (const method of METHODS) {
    const answer = await preflight(app, APP, method)
    t.strictSame([answer.statusCode, answer.body], [204, ''], method)
    t.match(answer.headers, {
      'access-control-allow-origin': APP,
      'access-control-allow-methods': METHODS.join(', '),
      'access-control-max-age': '600',
    })
  }
})

t.test('a page can read the answer to every method, and which headers tell it what to do', async (t) => {
  const app = await build(t, { CORS_ORIGINS: APP })
  for (const method of METHODS.filter((method) => method !== 'OPTIONS')) {
    const answer = await app.inject({ method, url: '/api/token/', headers: { origin: APP } })
    t.equal(answer.headers['access-control-allow-origin'], APP, method)
    t.equal(answer.headers['access-control-expose-headers'], 'X-Request-Id, Retry-After, WWW-Authenticate, Allow', method)
  }
})

t.test('a page can read that a path is malformed, also where it asks for headers', async (t) => {
  const app = await build(t, { CORS_ORIGINS: APP })
  for (const url of ['/%zz', '/api/users/me/sessions/%ff/', '/%zz?token=x']) {
    for (const method of METHODS.filter((method) => !['HEAD', 'OPTIONS'].includes(method))) {
      const allowed = await preflight(app, APP, method, url)
      t.strictSame([allowed.statusCode, allowed.headers['access-control-allow-origin']], [204, APP], `${url}, preflight`)
      const answer = await app.inject({ method, url, headers: { origin: APP } })
      t.strictSame(seen(answer), { status: 400, body: badRequest }, `${method} ${url}`)
      t.match(answer.headers, { 'access-control-allow-origin': APP, 'access-control-expose-headers': /^X-Request-Id, / })
    }
    t.equal((await app.inject({ url, headers: { origin: 'https://evil.example' } })).headers['access-control-allow-origin'], undefined)
  }
})

t.test('a preflight allows the headers that it asks for, and says that it depends on them', async (t) => {
  const app = await build(t, { CORS_ORIGINS: `${APP},null` })
  const lists = [
    ...['authorization', 'content-type,authorization', 'content-type, traceparent', 'x-requested-with', 'baggage,sentry-trace'],
    ...['X-Request-Id', 'x-device-token', 'b3,x-b3-traceid,x-datadog-trace-id', "!#$%&'*+-.^_`|~", 'cache-control ,pragma'],
  ]
  for (const origin of [APP, 'null']) {
    for (const list of lists) {
      const { statusCode, headers } = await askFor(app, list, origin)
      t.strictSame([statusCode, headers['access-control-allow-headers']], [204, list], list)
      t.match(String(headers.vary).split(/, */), ['Origin', 'Access-Control-Request-Headers'], list)
    }
  }
})

t.test('a preflight that asks for no headers or for what is no list of names, or of another origin, is allowed none', async (t) => {
  const app = await build(t, { CORS_ORIGINS: APP })
  for (const list of [undefined, '', ' ', '*', 'content-type,*', ' * ', 'a b', 'a,,b', 'a,', 'a:b', '"a"', '<b>', 'é', 'a;b', 'a\tb']) {
    const { statusCode, headers } = await askFor(app, list)
    t.strictSame([statusCode, headers['access-control-allow-headers']], [204, undefined], `${list}`)
    t.match(String(headers.vary).split(/, */), ['Origin', 'Access-Control-Request-Headers'], `${list}`)
  }
  for (const origin of STRANGERS) {
    t.notOk('access-control-allow-headers' in (await askFor(app, 'content-type', origin)).headers, origin)
  }
})
