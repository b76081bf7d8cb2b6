// Not on PostgreSQL: the databases of earlier versions are files of SQLite.
import { createPrivateKey } from 'node:crypto'
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { claimsOf, headerOf, logIn, post, START, type TestApp } from '../helper.ts'
import { segment, signed, signedWithSecret } from '../wire/forge.ts'
import { answerOf, REFRESH, REFRESH_AND_VERIFY, refreshRefused, success, tokenRefused, VERIFY } from '../wire/wire.ts'
import { type OldDatabase, someOldDatabases, writeOldDatabase } from './old-databases.ts'
import { introspect, refreshed, startOn, upgrade } from './upgraded.ts'

// Keys that are published signed refresh tokens, too, before these had keys of their own. What they signed then stays good, and nothing
// that somebody else signs with them later.

const DAY = 86_400
const startSeconds = START / 1000

for (const old of someOldDatabases) {
  t.test(`after the upgrade of ${old.name} refresh tokens are signed with a key that is neither published nor of before`, async (t) => {
    const app = await upgradeAtStart(t, old)
    const before = Object.values(old.sessions).map(({ refresh }) => headerOf(refresh).kid)
    const published: { kid: string }[] = (await app.inject('/.well-known/jwks.json')).json().keys
    for (const { access, refresh } of [await logIn(app), await refreshed(app, old.sessions.fresh.refresh)]) {
      if (old.settings.REFRESH_ROTATION === 'off' && refresh === old.sessions.fresh.refresh) continue
      const { kid, ...header } = headerOf(refresh)
      t.strictSame(header, { alg: 'HS256', typ: 'JWT' })
      t.notOk([...before, ...published.map((key) => key.kid), headerOf(access).kid].includes(kid as string))
    }
  })

  t.test(`a refresh token that a key of ${old.name} signs after the upgrade is refused everywhere`, async (t) => {
    const app = await upgradeAtStart(t, old)
    app.clock.advance(30)
    const forge = await openForge(app, old)
    const { refresh, access } = old.sessions.fresh
    const iat = startSeconds + 15
    // One that is short-lived is dead before the last of those that were signed until the upgrade: it is its `iat` that tells it apart.
    for (const exp of [iat + DAY, iat + 60]) t.strictSame(await answersTo(app, old, forge(refresh, { iat, exp })), refused)
    t.equal((await post(app, VERIFY, { token: access })).statusCode, 200, 'and has not ended its session')
    const issuedBefore = forge(refresh, { iat: startSeconds - 30 })
    t.equal((await post(app, REFRESH, { refresh: issuedBefore })).statusCode, 200, 'as one of before is not')
  })

  t.test(`when the refresh tokens of ${old.name} have expired, its keys sign no others, whatever these say`, async (t) => {
    const app = await upgradeAtStart(t, old)
    const forge = await openForge(app, old)
    app.clock.advance(DAY - 3600)
    const { fresh, underEarlierKey } = old.sessions
    const next = await refreshed(app, (await logIn(app)).refresh)
    // A process notes its use of a key ahead for ten minutes at most.
    app.clock.advance(3600 + 600)
    await app.keys.keepUp()
    for (const { refresh } of [fresh, underEarlierKey]) {
      const lasting = { ...claimsOf(next.refresh), iat: claimsOf(refresh).iat, exp: startSeconds + 10 * DAY }
      t.strictSame(await answersTo(app, old, forge(refresh, lasting)), refused)
    }
    const published: { kid: string }[] = (await app.inject('/.well-known/jwks.json')).json().keys
    t.notOk(published.some(({ kid }) => kid === headerOf(underEarlierKey.refresh).kid))
    t.equal((await post(app, REFRESH, { refresh: next.refresh })).statusCode, 200, 'the session lives')
  })
}

/** Upgrades at `START`: a migration has no clock but `Date.now`. */
function upgradeAtStart(t: Test, old: OldDatabase): Promise<TestApp> {
  t.intercept(Date, 'now', { value: () => START })
  return upgrade(t, old)
}

/** Makes a token like another, with other claims, signed again with the key that it names. */
async function openForge(app: TestApp, old: OldDatabase): Promise<(token: string, claims: object) => string> {
  const rows = await app.db.read.selectFrom('signing_keys').select(['kid', 'private_key']).execute()
  const keys = new Map(rows.map(({ kid, private_key: stored }) => [kid, stored && app.secrets.open(stored, kid)]))
  return (token, claims) => {
    const input = `${token.split('.')[0]}.${segment(JSON.stringify({ ...claimsOf(token), ...claims }))}`
    const { alg, kid } = headerOf(token)
    if (alg === 'HS256') return signedWithSecret(input, old.settings.JWT_SECRET as string)
    return signed(input, createPrivateKey(keys.get(kid as string) as string))
  }
}

/** What each endpoint that takes a refresh token answers. */
async function answersTo(app: TestApp, old: OldDatabase, token: string) {
  return {
    refresh: answerOf(await post(app, REFRESH, { refresh: token })),
    refreshAndVerify: answerOf(await post(app, REFRESH_AND_VERIFY, { refresh: token })),
    verify: answerOf(await post(app, VERIFY, { token })),
    introspection: (await introspect(app, old, token, 'refresh_token')).json(),
    blacklist: answerOf(await post(app, '/api/token/blacklist/', { refresh: token })),
    // RFC 7009 §2.2: a token that is not known counts as revoked.
    revoke: answerOf(await post(app, '/api/token/revoke/', { token })),
  }
}

const refused = {
  refresh: tokenRefused(),
  refreshAndVerify: refreshRefused,
  verify: tokenRefused(),
  introspection: { active: false },
  blacklist: tokenRefused(),
  revoke: success(200, {}),
}

/** A service on an old database in which this was done. */
async function startAfter(t: Test, statement: string) {
  const [old] = someOldDatabases as [OldDatabase]
  const file = writeOldDatabase(t, old)
  const db = new SQLite(file)
  db.exec(statement)
  db.close()
  return { app: await startOn(t, file, old), old }
}

t.test('a key of before lives as long as the tokens of all: it has signed such a token of an earlier key again', async (t) => {
  const { app } = await startAfter(t, 'update signing_keys set token_ttl = 2592000 where kid = (select min(kid) from signing_keys)')
  const rows = await app.db.read.selectFrom('signing_keys').select('token_ttl').where('refresh_until', 'is not', null).execute()
  t.ok(rows.length > 1)
  t.same(
    rows.map(({ token_ttl }) => token_ttl),
    rows.map(() => 2_592_000),
  )
})

t.test('where keys of before do not say how long their tokens live, the issuer of these is accepted for a month', async (t) => {
  t.intercept(Date, 'now', { value: () => START })
  const { app, old } = await startAfter(t, 'update signing_keys set token_ttl = 0')
  t.not(app.config.jwtIssuer, claimsOf(old.sessions.fresh.refresh).iss)
  // Longer than a process may issue tokens after it has noted that it does.
  app.clock.advance(601)
  await refreshed(app, old.sessions.fresh.refresh)
  const issuers = app.db.read.selectFrom('issued_claims').select('token_ttl').where('value', '=', 'http://localhost:3000')
  t.same(await issuers.execute(), [{ token_ttl: 2_592_000 }])
})

t.test('a secret that signed before the upgrade is dead as soon as any other, once its refresh tokens are', async (t) => {
  const old = someOldDatabases.find(({ name }) => name === 'off-HS256-plain') as OldDatabase
  const file = writeOldDatabase(t, old)
  await (await startOn(t, file, old)).close()
  const db = new SQLite(file)
  db.exec(`update signing_keys set refresh_until = ${startSeconds}`)
  db.close()
  const signing = await startOn(t, file, old)
  signing.clock.advance(60 * DAY)
  await signing.keys.keepUp()
  await signing.close()
  const app = await startOn(t, file, old, { JWT_ALGORITHM: 'ES256' })
  app.clock.advance(60 * DAY + 901)
  const { JWT_SECRET } = old.settings
  const { access } = await logIn(app)
  const { kid } = await app.db.read
    .selectFrom('signing_keys')
    .select('kid')
    .where('algorithm', '=', 'HS256')
    .where('use', '=', 'access')
    .executeTakeFirstOrThrow()
  const segments = `${segment(JSON.stringify({ alg: 'HS256', kid, typ: 'JWT' }))}.${segment(JSON.stringify(claimsOf(access)))}`
  t.strictSame(
    answerOf(await post(app, VERIFY, { token: signedWithSecret(segments, JWT_SECRET as string) })),
    tokenRefused('Token is invalid or expired'),
  )
})
