import t from 'tap'
import { build } from '../helper.ts'

const PATH = '/.well-known/oauth-authorization-server'
const OPENID = '/.well-known/openid-configuration'

/** The metadata with default settings (RFC 8414 §2). */
const metadata = {
  issuer: 'http://localhost:3000',
  jwks_uri: 'http://localhost:3000/.well-known/jwks.json',
  response_types_supported: [],
  grant_types_supported: [],
  revocation_endpoint: 'http://localhost:3000/api/token/revoke/',
  revocation_endpoint_auth_methods_supported: ['none'],
  introspection_endpoint: 'http://localhost:3000/api/token/introspect/',
  introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
  id_token_signing_alg_values_supported: ['ES256'],
}

t.test('RFC 8414 §3.2: the metadata is JSON with status 200, and may be cached for JWKS_MAX_AGE', async (t) => {
  const app = await build(t, { JWKS_MAX_AGE: '7' })
  const answer = await app.inject(PATH)
  t.equal(answer.statusCode, 200)
  t.match(answer.headers, { 'content-type': /^application\/json/, 'cache-control': 'public, max-age=7' })
  t.strictSame(answer.json(), metadata)
})

t.test('the metadata has the issuer of the tokens, and the endpoints under PUBLIC_URL', async (t) => {
  const app = await build(t, { PUBLIC_URL: 'https://auth.example.com/id', JWT_ISSUER: 'https://id.example.com' })
  t.strictSame((await app.inject(PATH)).json(), {
    ...metadata,
    issuer: 'https://id.example.com',
    jwks_uri: 'https://auth.example.com/id/.well-known/jwks.json',
    revocation_endpoint: 'https://auth.example.com/id/api/token/revoke/',
    introspection_endpoint: 'https://auth.example.com/id/api/token/introspect/',
  })
})

t.test('the same metadata is where verifiers made for OpenID Connect look, and promises nothing of OpenID', async (t) => {
  const app = await build(t, { JWKS_MAX_AGE: '7' })
  for (const url of [OPENID, `${OPENID}/`]) {
    const answer = await app.inject(url)
    t.match(answer, { statusCode: 200, headers: { 'content-type': /^application\/json/, 'cache-control': 'public, max-age=7' } }, url)
    t.strictSame(answer.json(), metadata, url)
  }
  t.equal((await app.inject({ method: 'POST', url: OPENID })).headers.allow, 'GET, HEAD')
})

t.test('for an issuer with a path the metadata is also where that path is inserted (RFC 8414 §3.1), or goes before (OpenID)', async (t) => {
  const issuers = { 'https://example.com/issuer1': '/issuer1', 'https://example.com/a/b.c_d~e-f/': '/a/b.c_d~e-f' }
  for (const [issuer, path] of Object.entries(issuers)) {
    const app = await build(t, { JWT_ISSUER: issuer })
    for (const url of [PATH, PATH + path, `${PATH + path}/`, OPENID, OPENID + path, path + OPENID, `${path + OPENID}/`]) {
      t.strictSame((await app.inject(url)).json(), { ...metadata, issuer }, url)
    }
    for (const url of [`${PATH}/issuer2`, `${OPENID}/issuer2`, `/issuer2${OPENID}`, path + PATH]) {
      const strange = await app.inject(url)
      t.strictSame([strange.statusCode, strange.json().code], [404, 'not_found'], `${url} is not ours`)
    }
    t.equal((await app.inject({ method: 'POST', url: PATH + path })).headers.allow, 'GET, HEAD')
  }
})

t.test('an issuer whose path is a well-known one is served, too', async (t) => {
  for (const path of [PATH, OPENID, OPENID + OPENID]) {
    const app = await build(t, { JWT_ISSUER: `https://example.com${path}` })
    t.equal((await app.inject(path + OPENID)).statusCode, 200, path)
  }
})

t.test('for an issuer without a path, or that is no URL of RFC 8414, the metadata is nowhere else', async (t) => {
  for (const issuer of [
    'https://example.com',
    'https://example.com/',
    'my-service',
    'urn:example:a/b',
    'https://example.com/a?b',
    'https://x/:a(*',
  ]) {
    const app = await build(t, { JWT_ISSUER: issuer })
    for (const path of [PATH, OPENID]) t.equal((await app.inject(path)).json().issuer, issuer)
    for (const path of [`${PATH}/a`, `${OPENID}/a`, `/a${OPENID}`]) t.equal((await app.inject(path)).statusCode, 404, `${issuer}, ${path}`)
  }
})

t.test('the metadata lists the algorithm of JWT_ALGORITHM', async (t) => {
  const JWT_SECRET = 'a secret that is long enough for HS256'
  for (const alg of ['EdDSA', 'RS256', 'HS256']) {
    const app = await build(t, { JWT_ALGORITHM: alg, JWT_SECRET })
    t.strictSame((await app.inject(PATH)).json(), { ...metadata, id_token_signing_alg_values_supported: [alg] })
  }
})
