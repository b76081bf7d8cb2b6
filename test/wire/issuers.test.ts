// Not on PostgreSQL: tokens and headers are refused before the database is asked.
import t, { type Test } from 'tap'
import { createClient } from '../../domain/accounts/clients.ts'
import { ClockWatch } from '../../domain/clock.ts'
import { IssuedClaims } from '../../domain/tokens/issued-claims.ts'
import { databaseUrl } from '../databases.ts'
import { build, claimsOf, logIn, post, register, type TestApp } from '../helper.ts'
import { answerOf, challenged, HEADER, INTROSPECT, problem, REFRESH, success, VERIFY } from './wire.ts'

// The settings that stand in tokens can change while tokens are alive.

const MOVED = { PUBLIC_URL: 'https://new.example.com' }
const LEASE = 600

/** Two services on one database, one of before a change of settings and one of after it. */
async function openBoth(t: Test, before: Record<string, string>, after: Record<string, string>) {
  const DATABASE_URL = await databaseUrl(t)
  const old = await build(t, { DATABASE_URL, ...before })
  await register(old)
  const pair = await logIn(old)
  return { old, pair, app: await build(t, { DATABASE_URL, ...after }) }
}

const verify = (app: TestApp, token: string) => post(app, VERIFY, { token }).then(answerOf)
const refused = challenged(problem(401, 'token_not_valid', 'Token is invalid or expired'))
const refusals = (app: TestApp) =>
  app.db.read
    .selectFrom('auth_events')
    .select(['kind', 'reason', 'user_id', 'session_id', 'subject'])
    .where('kind', '=', 'token_refused')
    .execute()

for (const [name, before, after] of [
  ['PORT', { PORT: '4300' }, { PORT: '4400' }],
  ['PUBLIC_URL', {}, MOVED],
  ['JWT_ISSUER', { JWT_ISSUER: 'one' }, { JWT_ISSUER: 'two' }],
] as const) {
  t.test(`a change of ${name} logs nobody out: the tokens of before are accepted, and a refresh has the new issuer`, async (t) => {
    const { app, old, pair } = await openBoth(t, before, after)
    t.not(old.config.jwtIssuer, app.config.jwtIssuer)
    for (const token of [pair.access, pair.refresh]) t.strictSame(await verify(app, token), success(200, {}))
    const authorization = `Bearer ${pair.access}`
    t.equal((await post(app, HEADER, {}, { authorization })).statusCode, 200)
    const next = (await post(app, REFRESH, { refresh: pair.refresh })).json()
    t.same(
      [next.access, next.refresh].map((token) => claimsOf(token).iss),
      [app.config.jwtIssuer, app.config.jwtIssuer],
    )
  })
}

t.test('a service of before a change of the issuer accepts the tokens of one of after it', async (t) => {
  const { app, old } = await openBoth(t, {}, MOVED)
  t.strictSame(await verify(old, (await logIn(app)).access), success(200, {}))
})

t.test('an issuer of before is accepted until the last token that can have it is dead', async (t) => {
  const ttl = 86_400
  const { app, old, pair } = await openBoth(t, {}, MOVED)
  await old.close()
  const forged = (exp: number) => app.keys.current.sign({ ...claimsOf(pair.access), exp } as never, 'JWT')
  const { iat } = claimsOf(pair.access) as { iat: number }
  app.clock.advance(ttl + LEASE - 1)
  t.strictSame(await verify(app, forged(iat + 2 * ttl)), success(200, {}))
  app.clock.advance(1)
  t.strictSame(await verify(app, forged(iat + 2 * ttl + 1)), refused)
  await app.issuedClaims.keepUp()
  t.same(await app.db.read.selectFrom('issued_claims').select(['claim', 'value']).where('claim', '=', 'iss').execute(), [
    { claim: 'iss', value: 'https://new.example.com' },
  ])
})

t.test('while the clock is not steady no issuer is forgotten', async (t) => {
  const { app, old, pair } = await openBoth(t, {}, MOVED)
  await old.close()
  for (const years of [10, -10]) {
    app.clock.jump(years * 365 * 86_400)
    await app.issuedClaims.keepUp()
  }
  t.strictSame(await verify(app, pair.access), success(200, {}))
})

t.test('a service that goes on issuing keeps its issuer accepted', async (t) => {
  const { app, old } = await openBoth(t, {}, MOVED)
  for (let day = 0; day < 3; day++) {
    for (const one of [old, app]) one.clock.advance(86_400)
    await old.issuedClaims.keepUp()
    await app.issuedClaims.keepUp()
  }
  t.strictSame(await verify(app, (await logIn(old)).access), success(200, {}))
})

t.test('a service writes down that it goes on issuing before the last note of it is ten minutes old', async (t) => {
  const app = await build(t)
  app.clock.advance(LEASE / 2)
  await app.issuedClaims.keepUp()
  const rows = await app.db.read.selectFrom('issued_claims').select('used_at').execute()
  t.same(rows, [{ used_at: app.clock() }, { used_at: app.clock() }])
})

t.test('a shorter REFRESH_TOKEN_TTL does not shorten the life of the issuer of longer tokens', async (t) => {
  const { app } = await openBoth(t, {}, { REFRESH_TOKEN_TTL: '3600' })
  app.clock.advance(LEASE)
  await app.issuedClaims.keepUp()
  const rows = await app.db.read.selectFrom('issued_claims').select('token_ttl').where('claim', '=', 'iss').execute()
  t.same(rows, [{ token_ttl: 86_400 }])
})

t.test('a token of ours with an issuer that was never used is refused, and is an event', async (t) => {
  const { app, pair } = await openBoth(t, {}, MOVED)
  const { user_id, sid, ...claims } = claimsOf(pair.access)
  const token = app.keys.current.sign({ ...claims, user_id, sid, iss: 'https://elsewhere.example.com' } as never, 'JWT')
  for (let i = 0; i < 2; i++) t.strictSame(await verify(app, token), refused)
  await app.refusals.flush()
  t.strictSame(await refusals(app), [
    { kind: 'token_refused', reason: 'issuer', user_id, session_id: sid, subject: 'https://elsewhere.example.com' },
  ])
})

t.test('the log warns of such tokens once a minute, and names the setting', async (t) => {
  const { app, pair } = await openBoth(t, {}, MOVED)
  const warnings: string[] = []
  app.log.warn = ((message: string) => void warnings.push(message)) as never
  const token = app.keys.current.sign({ ...claimsOf(pair.access), iss: 'https://elsewhere.example.com' } as never, 'JWT')
  for (const seconds of [0, 59, 1]) {
    app.clock.advance(seconds)
    await verify(app, token)
  }
  const warning =
    'a token of this service was refused because its issuer is "https://elsewhere.example.com": ' +
    'if that was its issuer before, add it to JWT_PREVIOUS_ISSUERS'
  t.same(warnings, [warning, warning])
})

t.test('a token of ours that is refused for another reason, or is forged, is no such event', async (t) => {
  const { app, pair } = await openBoth(t, {}, MOVED)
  const elsewhere = { ...claimsOf(pair.access), iss: 'https://elsewhere.example.com' }
  await verify(app, app.keys.current.sign({ ...elsewhere, exp: 1 } as never, 'JWT'))
  await verify(app, `${app.keys.current.sign(elsewhere as never, 'JWT').slice(0, -8)}AAAAAAAA`)
  await app.refusals.flush()
  t.same(await refusals(app), [])
})

for (const [before, after] of [
  [undefined, 'shop'],
  ['shop', undefined],
  ['shop', 'store'],
] as const) {
  t.test(
    `a change of JWT_AUDIENCE from ${before} to ${after} logs nobody out, and is in force for what is issued from then on`,
    async (t) => {
      const env = (aud: string | undefined): Record<string, string> => (aud === undefined ? {} : { JWT_AUDIENCE: aud })
      const { app, pair } = await openBoth(t, env(before), env(after))
      for (const token of [pair.access, pair.refresh]) t.strictSame(await verify(app, token), success(200, {}))
      const next = (await post(app, REFRESH, { refresh: pair.refresh })).json()
      t.equal(claimsOf(next.access).aud, after)
      t.strictSame(await verify(app, next.access), success(200, {}))
    },
  )
}

t.test('an access token for an audience that was never set is refused, a refresh token is not looked at for it', async (t) => {
  const { app, pair } = await openBoth(t, {}, { JWT_AUDIENCE: 'shop' })
  for (const aud of ['store', '', ['store'], 7, null]) {
    t.strictSame(await verify(app, app.keys.current.sign({ ...claimsOf(pair.access), aud } as never, 'JWT')), refused, JSON.stringify(aud))
    const refresh = { ...claimsOf(pair.refresh), aud }
    t.strictSame(await verify(app, app.keys.refreshSigner(app.clock() / 1000).sign(refresh as never, 'JWT')), success(200, {}))
  }
  const list = app.keys.current.sign({ ...claimsOf(pair.access), aud: ['store', 'shop'] } as never, 'JWT')
  t.strictSame(await verify(app, list), success(200, {}))
})

t.test(
  'with JWT_PROFILE=rfc9068 access tokens are those of RFC 9068, and those of either profile are accepted whatever it is',
  async (t) => {
    const profile = { JWT_PROFILE: 'rfc9068', JWT_AUDIENCE: 'shop', JWT_CLIENT_ID: 'web' }
    const { app, old, pair } = await openBoth(t, { JWT_AUDIENCE: 'shop' }, profile)
    const next = await logIn(app)
    const [header = '', payload = ''] = next.access.split('.')
    t.match(JSON.parse(Buffer.from(header, 'base64url').toString()), { typ: 'at+jwt' })
    t.match(JSON.parse(Buffer.from(payload, 'base64url').toString()), {
      aud: 'shop',
      client_id: 'web',
      sub: '1',
      iss: 'http://localhost:3000',
    })
    t.match(JSON.parse(Buffer.from(next.refresh.split('.')[0] as string, 'base64url').toString()), { typ: 'JWT', alg: 'HS256' })
    t.notOk('client_id' in claimsOf(next.refresh))
    const { clientId, clientSecret } = await createClient(app, 'api')
    const told = await post(app, INTROSPECT, { token: next.access, client_id: clientId, client_secret: clientSecret })
    t.match(told.json(), { active: true, aud: 'shop', client_id: 'web' })
    for (const service of [app, old]) {
      for (const token of [pair.access, next.access]) t.strictSame(await verify(service, token), success(200, {}))
    }
  },
)

t.test('a clock that is set back or ahead for a moment changes nothing of what is accepted', async (t) => {
  const { app, old, pair } = await openBoth(t, {}, MOVED)
  for (const seconds of [-60 * 86_400, 3650 * 86_400]) {
    for (const one of [old, app]) {
      const before = await one.db.read.selectFrom('issued_claims').selectAll().execute()
      one.clock.jump(seconds)
      await one.issuedClaims.keepUp()
      one.clock.jump(-seconds)
      t.same(await one.db.read.selectFrom('issued_claims').selectAll().execute(), before)
    }
  }
  await app.issuedClaims.look()
  t.strictSame(await verify(app, pair.access), success(200, {}))
})

t.test('a service that starts with a clock far behind makes no time of use earlier', async (t) => {
  const { old, app } = await openBoth(t, {}, MOVED)
  const times = () => old.db.read.selectFrom('issued_claims').selectAll().orderBy('value').execute()
  const before = await times()
  const behind = {
    ...app,
    db: app.db,
    config: old.config,
    clock: () => 0,
    clockWatch: new ClockWatch(
      () => 0,
      () => 0,
    ),
  }
  await new IssuedClaims(behind).keepUp()
  t.same(await times(), before)
})
