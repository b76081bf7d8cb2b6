// Not on PostgreSQL: tokens and headers are refused before the database is asked.
import { createPrivateKey } from 'node:crypto'
import type { LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import { insertSigningKey } from '../../db/signing-keys.ts'
import { createClient } from '../../domain/accounts/clients.ts'
import { generateAccessKey } from '../../domain/keys/generate.ts'
import { databaseUrl } from '../databases.ts'
import { basic, build, claimsOf, headerOf, logIn, post, register, START, type TestApp } from '../helper.ts'
import { type Claims, privateKey, segment, signed, signedWithSecret, type TokenType } from './forge.ts'
import { HEADER, INTROSPECT, postForm, REFRESH, REFRESH_AND_VERIFY, VERIFY } from './wire.ts'

const NOW = START / 1000
const SECRET = 'a secret that is long enough for HS256'

/** A key, and the types of token that it vouches for. */
interface Key {
  readonly name: string
  readonly good: readonly TokenType[]
  sign(claims: Claims): string
}

/** Two processes on one database: what one has issued the other sees for the first time. */
interface Site {
  readonly one: TestApp
  readonly two: TestApp
  readonly client: { authorization: string }
}

async function openSite(t: Test, env: Record<string, string>): Promise<Site> {
  const all = { DATABASE_URL: await databaseUrl(t), LIMITS: 'off', ...env }
  const [one, two] = [await build(t, all), await build(t, all)]
  await register(one)
  return { one, two, client: basic(await createClient(one, 'api')) }
}

const input = (header: Claims, claims: Claims) => `${segment(JSON.stringify(header))}.${segment(JSON.stringify(claims))}`

/** The keys that sign tokens now. */
async function keysOfToday({ one }: Site): Promise<Key[]> {
  const pair = await logIn(one)
  const [access, refresh] = [headerOf(pair.access), headerOf(pair.refresh)]
  const secret = await privateKey(one, refresh.kid as string)
  const pem = access.alg === 'HS256' ? undefined : createPrivateKey(await privateKey(one, access.kid as string))
  const ofAccess = (claims: Claims) => (pem ? signed(input(access, claims), pem) : signedWithSecret(input(access, claims), SECRET))
  return [
    { name: `the ${access.alg} key of access tokens`, good: ['access'], sign: ofAccess },
    { name: 'the key of refresh tokens', good: ['refresh'], sign: (claims) => signedWithSecret(input(refresh, claims), secret) },
  ]
}

/** A key that has signed tokens of both types until an instant, in seconds since the epoch. */
async function keyOfBefore({ one, two }: Site, refreshUntil: number, good: Key['good']): Promise<Key> {
  const { kid, algorithm, privateKey, publicKey } = await generateAccessKey('ES256', undefined)
  const before = START - 86_400_000
  const times = { created_at: before, signs_from: before, used_at: START, token_ttl: 86_400, retired_at: null }
  const row = {
    kid,
    use: 'access',
    refresh_until: refreshUntil,
    algorithm,
    private_key: privateKey,
    public_key: publicKey,
    ...times,
  } as const
  await one.db.write((handle) => insertSigningKey(handle, row))
  for (const app of [one, two]) await app.keys.look()
  const pem = createPrivateKey(privateKey as string)
  const name = `a key of before that signed refresh tokens until ${refreshUntil - NOW} s from their iat`
  return { name, good, sign: (claims) => signed(input({ alg: algorithm, kid, typ: 'JWT' }, claims), pem) }
}

/** An endpoint that takes a token. */
interface Taker {
  readonly name: string
  send(app: TestApp, token: string, site: Site): Promise<LightMyRequestResponse>
  /** The types that it takes. */
  readonly takes: readonly TokenType[]
  readonly endsSession?: true
  isTaken(answer: LightMyRequestResponse): boolean
}

const is200 = ({ statusCode }: LightMyRequestResponse) => statusCode === 200
const isActive = (answer: LightMyRequestResponse) => answer.json().active === true
const BOTH = ['access', 'refresh'] as const
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

const TAKERS: readonly Taker[] = [
  { name: 'verify', takes: BOTH, send: (app, token) => post(app, VERIFY, { token }), isTaken: is200 },
  { name: 'refresh', takes: ['refresh'], send: (app, refresh) => post(app, REFRESH, { refresh }), isTaken: is200 },
  { name: 'refresh-and-verify', takes: ['refresh'], send: (app, refresh) => post(app, REFRESH_AND_VERIFY, { refresh }), isTaken: is200 },
  { name: 'header', takes: ['access'], send: (app, token) => post(app, HEADER, {}, bearer(token)), isTaken: is200 },
  { name: 'me', takes: ['access'], send: (app, token) => app.inject({ url: '/api/users/me/', headers: bearer(token) }), isTaken: is200 },
  {
    name: 'introspect',
    takes: ['access'],
    send: (app, token, { client }) => postForm(app, INTROSPECT, { token }, client),
    isTaken: isActive,
  },
  {
    name: 'introspect as a refresh token',
    takes: BOTH,
    send: (app, token, { client }) => postForm(app, INTROSPECT, { token, token_type_hint: 'refresh_token' }, client),
    isTaken: isActive,
  },
  {
    name: 'blacklist',
    takes: ['refresh'],
    endsSession: true,
    send: (app, refresh) => post(app, '/api/token/blacklist/', { refresh }),
    isTaken: is200,
  },
  { name: 'revoke', takes: BOTH, endsSession: true, send: (app, token) => postForm(app, '/api/token/revoke/', { token }), isTaken: is200 },
]

async function isEnded({ one }: Site, { sid }: Claims): Promise<boolean> {
  const id = Number((sid as string).split('-')[0])
  const row = await one.db.read.selectFrom('sessions').select('ended_at').where('id', '=', id).executeTakeFirstOrThrow()
  return row.ended_at !== null
}

/** Shows one endpoint a token of a new session, signed with a key. Warm: the proper tokens, and this one, were verified there before. */
async function show(t: Test, site: Site, key: Key, type: TokenType, taker: Taker, isWarm: boolean): Promise<void> {
  const pair = await logIn(site.one)
  const claims = claimsOf(pair[type])
  const token = key.sign(claims)
  const app = isWarm ? site.one : site.two
  if (isWarm) for (const seen of [pair.access, pair.refresh, token]) await post(app, VERIFY, { token: seen })
  const answer = await taker.send(app, token, site)
  const isGood = key.good.includes(type) && taker.takes.includes(type)
  const name = `${type}, signed with ${key.name}, ${isWarm ? 'warm' : 'cold'} → ${taker.name}`
  // RFC 7009 §2.2: what is no token of ours counts as revoked.
  if (taker.name !== 'revoke') t.equal(taker.isTaken(answer), isGood, name)
  t.equal(await isEnded(site, claims), isGood && taker.endsSession === true, `${name}: the session`)
}

async function holds(t: Test, site: Site, keys: readonly Key[]): Promise<void> {
  for (const key of keys) {
    for (const type of BOTH) {
      for (const taker of TAKERS) for (const isWarm of [false, true]) await show(t, site, key, type, taker, isWarm)
    }
  }
}

t.test('a token is refused by every endpoint, and ends no session, unless its key is one of its type', async (t) => {
  const site = await openSite(t, {})
  await holds(t, site, await keysOfToday(site))
})

t.test('a key of before the keys of refresh tokens vouches for those that it signed until then, and for no later ones', async (t) => {
  const site = await openSite(t, {})
  await holds(t, site, [await keyOfBefore(site, NOW, BOTH), await keyOfBefore(site, NOW - 1, ['access'])])
})

t.test('JWT_SECRET vouches for access tokens, and for no refresh token', async (t) => {
  const site = await openSite(t, { JWT_ALGORITHM: 'HS256', JWT_SECRET: SECRET })
  await holds(t, site, await keysOfToday(site))
})

for (const [JWT_ALGORITHM, published] of [
  ['ES256', 2],
  ['HS256', 0],
] as const) {
  t.test(`with ${JWT_ALGORITHM} the key of refresh tokens is not published, nor is its algorithm among the metadata's`, async (t) => {
    const app = await build(t, { JWT_ALGORITHM, JWT_SECRET: SECRET })
    await register(app)
    const kid = headerOf((await logIn(app)).refresh).kid as string
    const jwks = await app.inject('/.well-known/jwks.json')
    t.equal(jwks.json().keys.length, published)
    t.notMatch(jwks.body, kid)
    t.same(app.keys.algorithms, [JWT_ALGORITHM])
    if (JWT_ALGORITHM === 'ES256') t.notMatch((await app.inject('/.well-known/oauth-authorization-server')).body, 'HS256')
  })
}

t.test(
  'a process that cannot read the key of a refresh token answers 503 at every endpoint that takes it, and ends no session',
  async (t) => {
    const DATABASE_URL = await databaseUrl(t)
    const without = await build(t, { DATABASE_URL })
    await register(without)
    const withKey = await build(t, { DATABASE_URL, SECRETS_KEY: Buffer.alloc(32, 1).toString('base64') })
    const site = { one: without, two: withKey, client: basic(await createClient(without, 'api')) }
    await withKey.db.write((handle) => handle.deleteFrom('signing_keys').where('use', '=', 'refresh').execute())
    await withKey.keys.look()
    await withKey.keys.keepUp()
    const { refresh } = await logIn(withKey)
    for (const taker of TAKERS) {
      const { statusCode, headers } = await taker.send(without, refresh, site)
      t.same([statusCode, headers['retry-after']], [503, '1'], taker.name)
      t.notOk(await isEnded(site, claimsOf(refresh)))
    }
    t.equal((await post(withKey, REFRESH, { refresh })).statusCode, 200)
  },
)
