// Not on PostgreSQL: it is about HTTP alone.
import t from 'tap'
import { databaseUrl } from '../databases.ts'
import { build, logIn, PASSWORD, post, register, type TestApp } from '../helper.ts'
import { serve } from './in-process.ts'
import { start } from './process.ts'
import { routesOf, send } from './routes.ts'
import { talk } from './talk.ts'

/** Answers of every kind: of each route, without and with a token, and of requests that no route handles. */
async function answersOf(app: TestApp) {
  await register(app)
  const { access, refresh } = await logIn(app)
  const credentials = { username: 'alice', password: PASSWORD }
  const bearer = { authorization: `Bearer ${access}` }
  return [
    ...(await Promise.all(routesOf(app).map((route) => send(app, route)))),
    ...(await Promise.all(routesOf(app).map((route) => send(app, route, bearer, '{')))),
    await post(app, '/api/users/', { username: 'bob', password: PASSWORD }),
    await post(app, '/api/users/authentication/', credentials),
    await post(app, '/api/token/', credentials),
    await post(app, '/api/token/verify/', { token: access }),
    await post(app, '/api/token/authentication-token-header/', {}, bearer),
    await post(app, '/api/token/refresh/', { refresh }),
    await app.inject('/nothing'),
    await app.inject('/%zz'),
    await app.inject({ method: 'DELETE', url: '/api/token/' }),
    await app.inject({ method: 'OPTIONS', url: '/api/token/' }),
  ]
}

const SECURITY = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}
const DOCS_POLICY = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
const ASSETS = ['/docs/swagger-ui-bundle.js', '/docs/swagger-ui.css', '/docs/favicon-32x32.png']
const KEPT: Record<string, string> = {
  '/.well-known/jwks.json': 'public, max-age=300',
  '/.well-known/oauth-authorization-server': 'public, max-age=300',
  '/.well-known/openid-configuration': 'public, max-age=300',
  ...Object.fromEntries(ASSETS.map((url) => [url, 'public, max-age=3600'])),
}

t.test('every answer has the security headers, and no-store unless it may be cached', async (t) => {
  const app = await build(t)
  const answers = await answersOf(app)
  t.ok(routesOf(app).length > 20)
  for (const { statusCode, headers, raw } of answers) {
    const { method, url = '' } = raw.req
    const name = `${method} ${url} ${statusCode}`
    t.match(headers, { ...SECURITY, ...(url === '/docs' && statusCode === 200 && DOCS_POLICY) }, name)
    t.equal(headers['cache-control'], statusCode < 400 ? (KEPT[url] ?? 'no-store') : 'no-store', name)
    t.notOk('server' in headers || 'x-powered-by' in headers, name)
    if (headers['content-length'] !== '0' && statusCode !== 204) t.ok(headers['content-type'], name)
    t.notOk('strict-transport-security' in headers, name)
  }
})

t.test('the answer to bytes that are no HTTP request has the same headers', async (t) => {
  const { url } = await serve(t, { DATABASE_URL: await databaseUrl(t) })
  const { answers } = await talk(Number(new URL(url).port), ['no request\r\n\r\n'])
  t.match(answers, [{ status: 400, headers: { ...SECURITY, 'cache-control': 'no-store' } }])
})

t.test('an error has no-store, also on a route whose success may be cached', async (t) => {
  const app = await build(t)
  Object.defineProperty(app.keys, 'publicJwks', {
    get() {
      throw new Error('an internal error')
    },
  })
  const answer = await app.inject('/.well-known/jwks.json')
  t.equal(answer.statusCode, 500)
  t.equal(answer.headers['cache-control'], 'no-store')
})

t.test('with an https PUBLIC_URL every answer has Strict-Transport-Security (RFC 6797)', async (t) => {
  const app = await build(t, { PUBLIC_URL: 'https://auth.example.com' })
  for (const { headers, raw } of await answersOf(app))
    t.equal(headers['strict-transport-security'], 'max-age=31536000', String(raw.req.url))
})

t.test('no answer sets a cookie', async (t) => {
  const app = await build(t, { CORS_ORIGINS: 'https://app.example.com' })
  for (const { headers, raw } of await answersOf(app)) t.notOk('set-cookie' in headers, String(raw.req.url))
})

/** A token and a password in all places where some service reads them, but the Authorization header and the body. */
function elsewhere({ access, refresh }: { access: string; refresh: string }) {
  const query = new URLSearchParams({
    token: access,
    access_token: access,
    access,
    jwt: access,
    bearer: access,
    authorization: `Bearer ${access}`,
    Authorization: `Bearer ${access}`,
    refresh,
    refresh_token: refresh,
    username: 'alice',
    password: PASSWORD,
  })
  const cookie = `token=${access}; access_token=${access}; access=${access}; refresh=${refresh}; sessionid=${access}; jwt=${access}`
  return { query, headers: { cookie, 'x-access-token': access, 'x-api-key': access, 'proxy-authorization': `Bearer ${access}` } }
}

t.test('a token or a password in a URL or in a cookie is not read', async (t) => {
  const app = await build(t)
  await register(app)
  const { query, headers } = elsewhere(await logIn(app))
  for (const route of routesOf(app)) {
    const plain = await send(app, route)
    const name = `${route.method} ${route.url}`
    const withSecrets = await send(app, { ...route, url: `${route.url}?${query}` }, headers)
    t.same([withSecrets.statusCode, withSecrets.body], [plain.statusCode, plain.body], name)
    if (route.method === 'POST') {
      t.ok(plain.statusCode >= 400 && plain.statusCode < 500, `${name}: ${plain.statusCode}`)
      const bodiless = await app.inject({ method: 'POST', url: `${route.url}?${query}`, headers })
      t.same([bodiless.statusCode, bodiless.body], [plain.statusCode, plain.body], `${name}, without a body`)
    }
  }
})

t.test('a token in a URL, a cookie or a referrer is not logged, on any route', async (t) => {
  const routes = routesOf(await build(t))
  const service = await start(t, { DATABASE_URL: await databaseUrl(t), LOG_LEVEL: 'trace' })
  const secret = 'hunter2-in-a-url'
  const headers = { cookie: `token=${secret}`, referer: `${service.url}/?token=${secret}`, 'user-agent': secret }
  for (const { method, url } of [...routes, { method: 'GET', url: '/nothing' }, { method: 'DELETE', url: '/api/token/' }]) {
    await (await fetch(`${service.url}${url}?token=${secret}&access_token=${secret}#${secret}`, { method, headers })).arrayBuffer()
  }
  await service.stop()
  const lines = service.output().split('\n')
  t.ok(lines.filter((line) => line.includes('"status"')).length >= routes.length)
  t.same(
    lines.filter((line) => line.includes(secret)),
    [],
  )
})
