import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import t from 'tap'
import { build, logIn, post, register, START } from '../helper.ts'
import { segment } from '../wire/forge.ts'
import { answerOf, REFRESH, tokenRefused, VERIFY } from '../wire/wire.ts'
import { buildLegacy, imported, KEY, legacyClaims, legacyToken, refreshed, UNTIL, verified } from './legacy.ts'

/** Made by Simple JWT: of user 42, issued at 1795600000. */
const ISSUED = 1_795_600_000
const HEAD = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9'
const VECTORS = [
  [
    '5.4.0 refresh',
    'eyJ0b2tlbl90eXBlIjoicmVmcmVzaCIsImV4cCI6MTc5NTY4NjQwMCwiaWF0IjoxNzk1NjAwMDAwLCJqdGkiOiIwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMSIsInVzZXJfaWQiOjQyfQ.mrf26mpjcg68GE6FZTRt-tPMjygBFrG6pupC93TE0S0',
  ],
  [
    '5.4.0 access',
    'eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzk1NjAwMzAwLCJpYXQiOjE3OTU2MDAwMDAsImp0aSI6IjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAyIiwidXNlcl9pZCI6NDJ9.j3RCjRS6zOkUoKCWXSz-pKg_ErEUL8BBX1pUhFas8XA',
  ],
  [
    '5.5.1 refresh',
    'eyJ0b2tlbl90eXBlIjoicmVmcmVzaCIsImV4cCI6MTc5NTY4NjQwMCwiaWF0IjoxNzk1NjAwMDAwLCJqdGkiOiIwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMSIsInVzZXJfaWQiOiI0MiJ9.zDu7sb8JzMV8A4DBT8DwXc6gJJotZMVId5RdNgWTqWY',
  ],
  [
    '5.5.1 access',
    'eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjoxNzk1NjAwMzAwLCJpYXQiOjE3OTU2MDAwMDAsImp0aSI6IjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAyIiwidXNlcl9pZCI6IjQyIn0.WmVatbqDAsqqK4BZw-QUMA7pcivMiiMgUbwfDquGRyg',
  ],
] as const

t.test('tokens that Simple JWT has made are taken, each until its end', async (t) => {
  const app = await buildLegacy(t, { LEGACY_JWT_UNTIL: '2026-12-01' })
  await app.db.write(async (handle) => {
    await handle.deleteFrom('known_addresses').execute()
    await handle.updateTable('users').set({ id: 42 }).execute()
  })
  app.clock.advance(ISSUED - START / 1000)
  for (const [name, rest] of VECTORS) {
    const token = `${HEAD}.${rest}`
    t.strictSame(answerOf(await post(app, VERIFY, { token })), verified, name)
    const changed = token.replace(/.{8}$/, (end) => (end.startsWith('A') ? 'B' : 'A') + end.slice(1))
    t.strictSame(answerOf(await post(app, VERIFY, { token: changed })), tokenRefused(), `${name}, its signature changed`)
  }
  app.clock.advance(300)
  const now = await Promise.all(VECTORS.map(([, rest]) => post(app, VERIFY, { token: `${HEAD}.${rest}` })))
  t.same(
    now.map(({ statusCode }) => statusCode),
    [200, 401, 200, 401],
  )
})

type Sign = (input: string, key: KeyObject) => Buffer

const KEY_PAIRS: readonly (readonly [alg: string, pair: { publicKey: KeyObject; privateKey: KeyObject }, sign: Sign])[] = [
  ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 }), (input, key) => sign('sha256', Buffer.from(input), key)],
  [
    'ES256',
    generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    (input, key) => sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }),
  ],
  ['EdDSA', generateKeyPairSync('ed25519'), (input, key) => sign(null, Buffer.from(input), key)],
]

for (const [alg, { publicKey, privateKey }, signWith] of KEY_PAIRS) {
  t.test(`with a public key of ${alg} its tokens are taken, and none of another algorithm`, async (t) => {
    const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string
    const app = await buildLegacy(t, { LEGACY_JWT_SECRET: '', LEGACY_JWT_PUBLIC_KEY: pem.trim() })
    const input = (header: object, jti: string) =>
      `${segment(JSON.stringify(header))}.${segment(JSON.stringify(legacyClaims('refresh', { jti })))}`
    const token = (name: string, jti: string) => {
      const signed = input({ alg: name, typ: 'JWT' }, jti)
      return `${signed}.${signWith(signed, privateKey).toString('base64url')}`
    }
    t.strictSame(answerOf(await post(app, VERIFY, { token: token(alg, 'a') })), verified)
    t.match(await refreshed(app, token(alg, 'a')), { refresh: String })
    for (const other of ['HS256', 'RS384', 'PS256', 'ES384', 'none', alg.toLowerCase()]) {
      t.strictSame(answerOf(await post(app, VERIFY, { token: token(other, 'b') })), tokenRefused(), other)
    }
    t.strictSame(answerOf(await post(app, VERIFY, { token: legacyToken('refresh', { jti: 'b' }) })), tokenRefused(), 'of a secret')
    for (const secret of [pem, pem.trim()]) {
      const confused = input({ alg: 'HS256', typ: 'JWT' }, 'b')
      const forged = `${confused}.${createHmac('sha256', secret).update(confused).digest('base64url')}`
      t.strictSame(answerOf(await post(app, VERIFY, { token: forged })), tokenRefused(), 'the public key as a secret')
    }
  })
}

t.test('the key of legacy tokens may be JWT_SECRET: a kid tells which tokens are ours', async (t) => {
  const env = { JWT_ALGORITHM: 'HS256', JWT_SECRET: KEY, LEGACY_JWT_SECRET: KEY, LEGACY_JWT_UNTIL: UNTIL }
  const app = await build(t, env)
  await register(app)
  const { access, refresh } = await logIn(app)
  const [, payload] = access.split('.')
  await imported(app, 'alice')
  t.strictSame(answerOf(await post(app, VERIFY, { token: legacyToken('access') })), verified)
  t.strictSame(answerOf(await post(app, VERIFY, { token: access })), verified)
  t.match(await refreshed(app, refresh), { refresh: String })
  // The claims of ours under the header of a legacy token are one of the legacy tokens, and so dead with all of these.
  const input = `${segment('{"alg":"HS256","typ":"JWT"}')}.${payload}`
  const ours = `${input}.${createHmac('sha256', KEY).update(input).digest('base64url')}`
  t.strictSame(answerOf(await post(app, VERIFY, { token: ours })), verified)
  await app.db.write((handle) => handle.updateTable('users').set({ tokens_revoked_at: START }).execute())
  t.strictSame(answerOf(await post(app, VERIFY, { token: ours })), tokenRefused('Token is blacklisted'))
  t.strictSame(answerOf(await post(app, VERIFY, { token: access })), verified)
})

t.test('the key of our own refresh tokens, or of access tokens, makes no legacy token', async (t) => {
  const app = await buildLegacy(t)
  const rows = await app.db.read.selectFrom('signing_keys').select(['use', 'private_key']).execute()
  for (const { use, private_key } of rows) {
    const input = `${segment('{"alg":"HS256","typ":"JWT"}')}.${segment(JSON.stringify(legacyClaims('refresh')))}`
    const forged = `${input}.${createHmac('sha256', private_key as string)
      .update(input)
      .digest('base64url')}`
    t.strictSame(answerOf(await post(app, REFRESH, { refresh: forged })), tokenRefused(), use)
  }
})

t.test('a legacy token is never taken from the cache', async (t) => {
  const app = await buildLegacy(t)
  const token = legacyToken('access')
  const { cached, verified: before } = app.tokens.stats
  for (let times = 0; times < 2; times++) t.strictSame(answerOf(await post(app, VERIFY, { token })), verified)
  t.same(app.tokens.stats, { cached, verified: before + 2 })
})
