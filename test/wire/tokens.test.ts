// Not on PostgreSQL: tokens and headers are refused before the database is asked.
import { createPublicKey, verify } from 'node:crypto'
import t from 'tap'
import { build, claimsOf, headerOf, logIn, post, register, START } from '../helper.ts'
import { LOGIN, REFRESH, REFRESH_AND_VERIFY } from './wire.ts'

const NOW = START / 1000
const JTI = /^[0-9a-f]{32}$/
const KID = /^[\w-]{43}$/

t.test('B5, A16: a pair carries the claims of Simple JWT and the registered ones', async (t) => {
  const app = await build(t)
  await register(app, 'bob')
  await register(app)
  await logIn(app, 'bob')
  const pair = await logIn(app)
  const refresh = claimsOf(pair.refresh)
  const access = claimsOf(pair.access)
  const common = { iat: NOW, user_id: 2, iss: 'http://localhost:3000', sub: '2', sid: access.sid }
  t.strictSame(refresh, { token_type: 'refresh', exp: NOW + 86_400, jti: refresh.jti, ...common })
  t.strictSame(access, { token_type: 'access', exp: NOW + 300, jti: access.jti, ...common })
  t.match([refresh.jti, access.jti], [JTI, JTI])
  t.not(refresh.jti, access.jti)
  t.match(access.sid, /^2-[\w-]{22}$/)
})

t.test('B5: times are whole seconds', async (t) => {
  const app = await build(t)
  await register(app)
  app.clock.advance(0.9)
  const { iat, exp } = claimsOf((await logIn(app)).access)
  t.strictSame({ iat, exp }, { iat: NOW, exp: NOW + 300 })
})

t.test('B5: issuer, audience and lifetimes are settings', async (t) => {
  const env = { JWT_ISSUER: 'https://id.example.com', JWT_AUDIENCE: 'shop', ACCESS_TOKEN_TTL: '60', REFRESH_TOKEN_TTL: '3600' }
  const app = await build(t, env)
  await register(app)
  const { refresh, access } = await logIn(app)
  const common = { iss: 'https://id.example.com', aud: 'shop' }
  t.match(claimsOf(refresh), { ...common, exp: NOW + 3600 })
  t.match(claimsOf(access), { ...common, exp: NOW + 60 })
})

t.test('A31: the header is exactly alg, kid and typ, and the published key verifies the signature of an access token', async (t) => {
  const app = await build(t)
  await register(app)
  const { keys } = (await app.inject('/.well-known/jwks.json')).json()
  const { refresh, access } = await logIn(app)
  const jwk = keys.find(({ kid }: { kid: unknown }) => kid === headerOf(access).kid)
  t.strictSame(headerOf(refresh), { alg: 'HS256', kid: headerOf(refresh).kid, typ: 'JWT' })
  t.strictSame(headerOf(access), { alg: 'ES256', kid: jwk.kid, typ: 'JWT' })
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  const end = access.lastIndexOf('.')
  const signature = Buffer.from(access.slice(end + 1), 'base64url')
  t.ok(verify('sha256', Buffer.from(access.slice(0, end)), { key, dsaEncoding: 'ieee-p1363' }, signature))
})

t.test('A31: the header is exactly alg, kid and typ with every algorithm', async (t) => {
  const secret = 'a secret that is long enough for HS256'
  for (const alg of ['EdDSA', 'RS256', 'HS256']) {
    const app = await build(t, { JWT_ALGORITHM: alg, JWT_SECRET: secret })
    await register(app)
    const { refresh, access } = await logIn(app)
    const [ofAccess, ofRefresh] = [headerOf(access).kid, headerOf(refresh).kid]
    t.match([ofAccess, ofRefresh], [KID, KID])
    t.not(ofAccess, ofRefresh, `${alg}: each type has a key of its own`)
    t.strictSame(headerOf(refresh), { alg: 'HS256', kid: ofRefresh, typ: 'JWT' }, alg)
    t.strictSame(headerOf(access), { alg, kid: ofAccess, typ: 'JWT' }, alg)
    t.equal((await post(app, REFRESH, { refresh })).statusCode, 200, `${alg} is accepted back`)
  }
})

t.test(
  'JWT_PROFILE=rfc9068: an access token has typ at+jwt, aud and client_id (RFC 9068 §2), and a refresh token stays as it is',
  async (t) => {
    const app = await build(t, { JWT_PROFILE: 'rfc9068', JWT_AUDIENCE: 'shop' })
    await register(app)
    const { refresh, access } = await logIn(app)
    t.equal(headerOf(access).typ, 'at+jwt')
    t.match(claimsOf(access), { aud: 'shop', client_id: 'latchkey' })
    t.equal(headerOf(refresh).typ, 'JWT')
    t.notOk('client_id' in claimsOf(refresh))
    t.equal((await post(app, REFRESH, { refresh })).statusCode, 200)
  },
)

t.test('B5, A17: an access token made by a refresh has its own jti, iat and exp', async (t) => {
  const app = await build(t)
  await register(app)
  const first = await logIn(app)
  app.clock.advance(100)
  const second = (await post(app, REFRESH, { refresh: first.refresh })).json()
  const claims = claimsOf(second.access)
  const wanted = { ...claimsOf(first.access), iat: NOW + 100, exp: NOW + 400, jti: claims.jti }
  t.strictSame(claims, wanted)
  t.match(claims.jti, JTI)
  t.not(claims.jti, claimsOf(first.access).jti)

  const successor = claimsOf(second.refresh)
  t.strictSame(successor, { ...claimsOf(first.refresh), iat: NOW + 100, exp: NOW + 100 + 86_400, jti: successor.jti })
  t.not(successor.jti, claimsOf(first.refresh).jti)

  const third = (await post(app, REFRESH_AND_VERIFY, { refresh: second.refresh })).json()
  t.match(claimsOf(third.new_access_token), { token_type: 'access', iat: NOW + 100, exp: NOW + 400, user_id: 1 })
})

t.test('B5: each login starts another session', async (t) => {
  const app = await build(t)
  await register(app)
  const first = claimsOf((await logIn(app)).refresh)
  const second = claimsOf((await post(app, LOGIN, { username: 'alice', password: 'correct horse battery' })).json().refresh)
  t.not(first.sid, second.sid)
  t.not(first.jti, second.jti)
})
