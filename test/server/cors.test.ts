import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { build, post } from '../helper.ts'
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

t.test('a preflight allows the methods and headers of the API, and no others', async (t) => {
  const app = await build(t, { CORS_ORIGINS: APP })
  for (const method of ['GET', 'POST', 'DELETE', 'PUT', 'PATCH']) {
    const answer = await preflight(app, APP, method)
    t.strictSame([answer.statusCode, answer.body], [204, ''], method)
    t.match(answer.headers, {
      'access-control-allow-origin': APP,
      'access-control-allow-methods': 'GET, POST, DELETE',
      'access-control-allow-headers': /^Authorization, Content-Type, X-Request-Id, X-Device-Token$/,
      'access-control-max-age': '600',
    })
  }
  const answer = await post(app, '/api/token/', {}, { origin: APP })
  t.equal(answer.headers['access-control-expose-headers'], 'X-Request-Id, Retry-After, WWW-Authenticate')
})
