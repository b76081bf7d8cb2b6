// Not on PostgreSQL: tokens and headers are refused before the database is asked.
import { createPublicKey } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import type { VerificationKey } from '../../domain/tokens/key-ring.ts'
import { signatureVerifier } from '../../domain/tokens/signatures.ts'
import { databaseUrl, notOnPostgres } from '../databases.ts'
import { build, claimsOf, headerOf, logIn, post, register, type TestApp } from '../helper.ts'
import { folder } from '../server/process.ts'
import { type Claims, openForge, segment, signed, signedWithSecret, strangeKey, withSegment } from './forge.ts'
import { formsOf } from './public-key.ts'
import { bytesIn, filesTouched } from './watch.ts'
import { answerOf, problem, success, TAKERS, VERIFY } from './wire.ts'

/** Header and payload of a token as they are signed. */
const input = (header: Claims, claims: Claims) => `${segment(JSON.stringify(header))}.${segment(JSON.stringify(claims))}`

/**
 * Presents a token to each of the four endpoints, of the type that it takes: each must refuse it as a malformed one. All at
 * once: a kid that is not known is looked up in the database ten times a second at most, and who waits shares a look-up.
 */
async function isRefused(t: Test, app: TestApp, name: string, make: (type: 'access' | 'refresh') => string): Promise<void> {
  const answers = await Promise.all(TAKERS.map((taker) => taker.send(app, make(taker.type))))
  for (const [index, taker] of TAKERS.entries()) {
    t.strictSame(answerOf(answers[index] as LightMyRequestResponse), taker.refused(), `${name} → ${taker.name}`)
  }
}

const SECRET = 'the secret of HS256, which only verifies'

for (const algorithm of ['ES256', 'EdDSA', 'RS256']) {
  t.test(`RFC 8725 §2.1: a public ${algorithm} key in any encoding is refused as a secret`, async (t) => {
    const DATABASE_URL = await databaseUrl(t)
    const before = await build(t, { DATABASE_URL, JWT_ALGORITHM: 'HS256', JWT_SECRET: SECRET })
    await register(before)
    const old = await logIn(before)
    const app = await build(t, { DATABASE_URL, JWT_ALGORITHM: algorithm, JWT_SECRET: SECRET })
    const pair = await logIn(app)
    const { keys } = (await app.inject('/.well-known/jwks.json')).json()
    const headers: [name: string, header: (type: 'access' | 'refresh') => Claims][] = [
      ['as it was', (type) => headerOf(pair[type])],
      ['HS256', (type) => ({ ...headerOf(pair[type]), alg: 'HS256' })],
      ['HS256 and no kid', (type) => ({ ...headerOf(pair[type]), alg: 'HS256', kid: undefined })],
      ['HS256 and the kid of the secret', (type) => headerOf(old[type])],
    ]
    for (const [form, secret] of Object.entries(formsOf(keys[0]))) {
      for (const [name, header] of headers) {
        await isRefused(t, app, `${form}, ${name}`, (type) => signedWithSecret(input(header(type), claimsOf(pair[type])), secret))
      }
    }
    await isRefused(t, app, 'the secret under the id of the public key', (type) =>
      signedWithSecret(input({ ...headerOf(pair[type]), alg: 'HS256' }, claimsOf(pair[type])), SECRET),
    )
    t.strictSame(answerOf(await post(app, VERIFY, { token: old.access })), success(200, {}), 'the secret itself verifies')
  })
}

t.test('RFC 8725 §3.10: a key inside the token is not used, and no URL in it is fetched', async (t) => {
  const app = await build(t)
  const forge = await openForge(app)
  let requests = 0
  const server = createServer((_request, response) => {
    requests += 1
    response.end(JSON.stringify({ keys: [jwk] }))
  })
  t.teardown(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`

  const stranger = strangeKey()
  const jwk = createPublicKey(stranger).export({ format: 'jwk' })
  const der = createPublicKey(stranger).export({ type: 'spki', format: 'der' }).toString('base64')
  const members: Claims[] = [
    { jwk },
    { jku: url },
    { x5u: url },
    { x5c: [der] },
    { jwk, jku: url, x5u: url, x5c: [der] },
    { crit: ['jwk'], jwk },
  ]
  for (const member of members) {
    for (const kid of [forge.kid, 'stranger', url, undefined]) {
      const header = (type: 'access' | 'refresh') => ({ ...forge.header(type), kid, ...member })
      const name = `${Object.keys(member)}, kid ${kid}`
      await isRefused(t, app, name, (type) => signed(input(header(type), forge.claims(type)), stranger))
      await isRefused(t, app, `${name}, signed by us`, (type) => forge.token(type, forge.claims(type), header(type)))
    }
  }
  t.equal(requests, 0)
})

const hostileKids = (kid: string): unknown[] => [
  ...[
    '/dev/null',
    '../../../../../../dev/null',
    'file:///etc/passwd',
    '..\\..\\win.ini',
    './data/latchkey.db',
    '%2e%2e%2f',
    '|id',
    '$(id)',
  ],
  ...["'", '"', "' OR '1'='1", "' UNION SELECT private_key FROM signing_keys --", "'; DROP TABLE signing_keys; --"],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'size', 'current'],
  ...['', ' ', '\0', '\ud800', 'unknown', `${kid} `, ` ${kid}`, `${kid}\0`, kid.slice(0, -1), kid.toUpperCase(), 'x'.repeat(5000)],
  ...[0, 1, -1, 1.5, true, false, null, [], [kid], [[kid]], {}, { kid }, { toString: kid }],
]

t.test(
  'a hostile kid finds no key, writes nothing to the database and touches no file',
  { skip: notOnPostgres('it compares the bytes of the file') },
  async (t) => {
    const path = folder(t)
    const app = await build(t, { DATABASE_URL: `file:${path}/latchkey.db` })
    const forge = await openForge(app)
    const refuses = async (kid: unknown) => {
      const header = (type: 'access' | 'refresh') => ({ ...forge.header(type), kid })
      const name = `kid ${JSON.stringify(kid).slice(0, 50)}`
      await isRefused(t, app, name, (type) => forge.token(type, forge.claims(type), header(type)))
      for (const secret of ['', '\0', 'null']) {
        const confused = (type: 'access' | 'refresh') => input({ ...header(type), alg: 'HS256' }, forge.claims(type))
        await isRefused(t, app, `${name}, and ${JSON.stringify(secret)} for a secret`, (type) => signedWithSecret(confused(type), secret))
      }
    }
    const before = bytesIn(path)
    const touched = await filesTouched(async () => {
      await Promise.all(hostileKids(forge.kid).map(refuses))
    })
    t.strictSame(touched, [])
    t.ok(before.equals(bytesIn(path)), 'the database is the same, byte by byte')
    t.ok((await filesTouched(async () => bytesIn(path))).includes('readFileSync'), 'a read would have been noticed')
    await register(app, 'bob')
    t.notOk(before.equals(bytesIn(path)), 'a write would have been noticed')
  },
)

t.test('a kid of 100 kB is refused: in a body with 413, in the header as a bad token', async (t) => {
  const app = await build(t)
  const forge = await openForge(app)
  const tooLarge = problem(413, 'payload_too_large', 'The body is larger than 16 KiB.')
  for (const taker of TAKERS) {
    const token = forge.token(taker.type, forge.claims(taker.type), { ...forge.header(taker.type), kid: 'x'.repeat(100_000) })
    t.strictSame(answerOf(await taker.send(app, token)), taker.name === 'header' ? taker.refused() : tooLarge, taker.name)
  }
})

t.test('tokens of another deployment are refused, also with our issuer or the id of our key', async (t) => {
  const [app, same, other] = [await build(t), await build(t), await build(t, { PUBLIC_URL: 'https://elsewhere.example' })]
  const forge = await openForge(app)
  const [twin, stranger] = [await openForge(same), await openForge(other)]
  await isRefused(t, app, 'of the same issuer, with its own key', (type) => twin.token(type, twin.claims(type)))
  await isRefused(t, app, 'of another issuer', (type) => stranger.token(type, stranger.claims(type)))
  await isRefused(t, app, 'of another issuer, under the id of our key', (type) =>
    stranger.token(type, stranger.claims(type), forge.header(type)),
  )
  await isRefused(t, app, 'of our claims, under the id of our key', (type) => twin.token(type, forge.claims(type), forge.header(type)))
  await isRefused(t, app, 'of another issuer, signed with our key', (type) => forge.token(type, stranger.claims(type)))
})

t.test('a cached verification holds only for the same token and the same key', async (t) => {
  const app = await build(t)
  const forge = await openForge(app)
  const issued = await logIn(app)
  const checked = { access: forge.token('access', claimsOf(issued.access)), refresh: forge.token('refresh', claimsOf(issued.refresh)) }
  const areGood = async (when: string) => {
    for (const token of [...Object.values(issued), ...Object.values(checked)]) {
      t.strictSame(answerOf(await post(app, VERIFY, { token })), success(200, {}), when)
    }
  }
  await areGood('with their key')

  const altered = (token: string) => withSegment(token, 2, (text) => (text[0] === 'A' ? 'B' : 'A') + text.slice(1))
  await isRefused(t, app, 'known but for its signature', (type) => altered(issued[type]))

  const { find } = app.keys
  const strange = createPublicKey(strangeKey()).export({ type: 'spki', format: 'pem' })
  const replacements: [name: string, found: (kid: string) => VerificationKey | undefined][] = [
    ['the key has left', () => undefined],
    [
      'another key has its id',
      (kid) => ({ ...(find.call(app.keys, kid) as VerificationKey), verifies: signatureVerifier('ES256', strange) }),
    ],
  ]
  for (const [name, found] of replacements) {
    app.keys.find = found
    await isRefused(t, app, `${name}, issued here`, (type) => issued[type])
    await isRefused(t, app, `${name}, verified here`, (type) => checked[type])
  }
  app.keys.find = find
  await areGood('with their key again')
})
