import { createHmac, sign } from 'node:crypto'
import t, { type Test } from 'tap'
import { retireKey, rotateKeys } from '../../domain/keys/commands.ts'
import { databaseUrl } from '../databases.ts'
import { build, headerOf, logIn, post, register, type TestApp } from '../helper.ts'
import { answerOf, challenged, HEADER, message, problem, REFRESH, REFRESH_AND_VERIFY, success, VERIFY } from './wire.ts'

const JWT_SECRET = 'a secret that is long enough for HS256'
const JWKS = '/.well-known/jwks.json'

const kidOf = (token: string) => headerOf(token).kid as string
const published = async (app: TestApp) => (await app.inject(JWKS)).json().keys as { kid: string; alg: string }[]
const invalid = problem(401, 'token_not_valid', 'Token is invalid or expired')

async function withToken(t: Test, env: Record<string, string> = {}) {
  const app = await build(t, env)
  await register(app)
  return { app, pair: await logIn(app) }
}

t.test('the tokens of a retired key are refused everywhere, also those whose verification was cached', async (t) => {
  const { app, pair } = await withToken(t)
  for (const token of Object.values(pair)) t.strictSame(answerOf(await post(app, VERIFY, { token })), success(200, {}))
  const [next] = (await published(app)).filter(({ kid }) => kid !== kidOf(pair.access))
  for (const token of Object.values(pair)) await retireKey(app, kidOf(token))
  await app.keys.look()

  for (const token of Object.values(pair)) t.strictSame(answerOf(await post(app, VERIFY, { token })), challenged(invalid))
  t.strictSame(answerOf(await post(app, REFRESH, { refresh: pair.refresh })), challenged(invalid))
  t.strictSame(
    answerOf(await post(app, REFRESH_AND_VERIFY, { refresh: pair.refresh })),
    message(401, 'token_not_valid', 'Invalid refresh token'),
  )
  const messages = [{ token_class: 'AccessToken', token_type: 'access', message: 'Token is invalid or expired' }]
  t.strictSame(
    answerOf(await post(app, HEADER, {}, { authorization: `Bearer ${pair.access}` })),
    challenged(problem(401, 'token_not_valid', 'Given token not valid for any token type', { messages })),
  )
  const after = await logIn(app)
  for (const token of Object.values(after)) t.strictSame(answerOf(await post(app, VERIFY, { token })), success(200, {}))
  t.equal(kidOf(after.access), next?.kid, 'the next key has taken over')
  t.equal((await published(app)).length, 2, 'and is followed by another')
})

t.test('a key is published before it signs, and a session continues from one key to the next', async (t) => {
  const { app, pair } = await withToken(t, { JWKS_MAX_AGE: '60' })
  const before = (await published(app)).map((key) => key.kid)
  const { kid } = await rotateKeys(app)
  await app.keys.look()
  t.same(new Set(before), new Set([kid, kidOf(pair.access)]))
  app.clock.advance(61.999)
  t.equal(kidOf((await logIn(app)).access), kidOf(pair.access))
  app.clock.advance(0.001)
  const refreshed = (await post(app, REFRESH, { refresh: pair.refresh })).json()
  t.same([kidOf(refreshed.access), kidOf(refreshed.refresh)], [kid, kidOf(pair.refresh)])
  for (const token of [pair.access, pair.refresh, ...Object.values(refreshed)]) {
    t.strictSame(answerOf(await post(app, VERIFY, { token })), success(200, {}))
  }
})

for (const [from, to] of [
  ['HS256', 'ES256'],
  ['ES256', 'HS256'],
  ['RS256', 'EdDSA'],
] as const) {
  t.test(`a change of JWT_ALGORITHM from ${from} to ${to} and back ends no session`, async (t) => {
    const env = { DATABASE_URL: await databaseUrl(t), JWT_SECRET }
    const before = await withToken(t, { ...env, JWT_ALGORITHM: from })
    await before.app.close()
    let { refresh } = before.pair
    const seen = [before.pair.access]
    for (const JWT_ALGORITHM of [to, from]) {
      const app = await build(t, { ...env, JWT_ALGORITHM })
      for (const token of [refresh, ...seen]) t.strictSame(answerOf(await post(app, VERIFY, { token })), success(200, {}))
      const answer = await post(app, REFRESH, { refresh })
      refresh = answer.json().refresh
      seen.push(answer.json().access)
      t.equal(headerOf(answer.json().access).alg, JWT_ALGORITHM)
      t.equal(kidOf(refresh), kidOf(before.pair.refresh), 'refresh tokens are signed as before')
      t.same(
        new Set((await published(app)).map(({ alg }) => alg)),
        new Set([from, to].filter((alg) => alg !== 'HS256')),
        'the keys of old tokens stay published',
      )
      await app.close()
    }
  })
}

t.test('the keys are closed before the database', async (t) => {
  const app = await build(t)
  const { close } = app.keys
  let isDatabaseOpen = false
  app.keys.close = async () => {
    await close.call(app.keys)
    isDatabaseOpen = await app.keys.look().then(() => true)
  }
  await app.close()
  t.ok(isDatabaseOpen)
})

/** How each algorithm signs, with the key of its row (RFC 7518 §3, RFC 8037 §3.1). */
const signatures: Record<string, (input: Buffer, key: string) => Buffer> = {
  ES256: (input, key) => sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' }),
  EdDSA: (input, key) => sign(null, input, key),
  RS256: (input, key) => sign('sha256', input, key),
  HS256: (input) => createHmac('sha256', JWT_SECRET).update(input).digest(),
}

t.test('a key verifies only with the algorithm of its row, not with the one in the token', async (t) => {
  const env = { DATABASE_URL: await databaseUrl(t), JWT_SECRET }
  const first = await withToken(t, env)
  for (const JWT_ALGORITHM of ['EdDSA', 'RS256', 'HS256']) await (await build(t, { ...env, JWT_ALGORITHM })).close()
  const { app, pair } = first
  await app.keys.look()
  const payload = pair.access.split('.')[1]
  const token = (alg: string, kid: string, sign: (input: Buffer) => Buffer) => {
    const input = `${Buffer.from(JSON.stringify({ alg, kid, typ: 'at+jwt' })).toString('base64url')}.${payload}`
    return `${input}.${sign(Buffer.from(input)).toString('base64url')}`
  }
  const rows = await app.db.read.selectFrom('signing_keys').selectAll().where('use', '=', 'access').execute()
  t.equal(rows.length, 7, 'with the next key of each but HS256')
  for (const { kid, algorithm, private_key, public_key } of rows) {
    const own = (input: Buffer) => signatures[algorithm]?.(input, private_key as string) as Buffer
    for (const alg of Object.keys(signatures)) {
      const answer = answerOf(await post(app, VERIFY, { token: token(alg, kid, own) }))
      t.strictSame(answer, alg === algorithm ? success(200, {}) : challenged(invalid), `${alg} by the key of ${algorithm}`)
    }
    const withPublicKey = (input: Buffer) =>
      createHmac('sha256', public_key ?? kid)
        .update(input)
        .digest()
    for (const alg of ['HS256', algorithm]) {
      const answer = answerOf(await post(app, VERIFY, { token: token(alg, kid, withPublicKey) }))
      t.strictSame(answer, challenged(invalid), `${alg} with the public half of the key of ${algorithm}`)
    }
  }
})
