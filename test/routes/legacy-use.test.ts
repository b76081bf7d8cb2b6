import t from 'tap'
import { createClient } from '../../domain/accounts/clients.ts'
import { basic, claimsOf, headerOf, logIn, post, START, seen, type TestApp } from '../helper.ts'
import { answerOf, INTROSPECT, postForm, REFRESH, REFRESH_AND_VERIFY, success, tokenRefused, VERIFY } from '../wire/wire.ts'
import { buildLegacy, legacyRows, legacyToken, MD5, NOW, refreshed, sessionsOf, verified } from './legacy.ts'
import { get, ME } from './me.ts'

const DAY = 86_400
const ended = tokenRefused('Token is blacklisted')
const logins = (app: TestApp) => eventsOf(app, 'login')
const refusals = (app: TestApp) => eventsOf(app, 'refresh_refused')

async function eventsOf(app: TestApp, kind: 'login' | 'refresh_refused') {
  await app.refusals.flush()
  return app.db.read
    .selectFrom('auth_events')
    .select(['reason', 'user_id', 'username', 'count'])
    .where('kind', '=', kind)
    .orderBy('id')
    .execute()
}

t.test('at its first use a legacy refresh token becomes a session, which goes on with our tokens', async (t) => {
  const app = await buildLegacy(t)
  const legacy = legacyToken('refresh', { jti: 'a' })
  const pair = await refreshed(app, legacy)
  t.same(Object.keys(headerOf(pair.refresh)).sort(), ['alg', 'kid', 'typ'])
  t.match(claimsOf(pair.refresh), { token_type: 'refresh', user_id: 1, sub: '1', iat: NOW, exp: NOW + DAY })
  t.match(claimsOf(pair.access), { token_type: 'access', user_id: 1, iat: NOW, exp: NOW + 300, sid: claimsOf(pair.refresh).sid })
  t.same(await sessionsOf(app), [{ id: 1, user_id: 1, refresh_iat: NOW, refresh_exp: NOW + DAY, end_reason: null }])
  t.same(await legacyRows(app), [{ jti: 'a', user_id: 1, session_id: 1, expires_at: START + DAY * 1000 }])
  t.same(await logins(app), [{ reason: 'legacy_token', user_id: 1, username: 'alice', count: 1 }])
  t.strictSame(answerOf(await post(app, VERIFY, { token: pair.access })), verified)
  t.equal((await get(app, ME, pair.access)).statusCode, 200)
  app.clock.advance(DAY - 1)
  t.match(await refreshed(app, pair.refresh), { refresh: String })
  const user = await app.db.read.selectFrom('users').select(['last_login_at', 'changed_at', 'imported_at']).executeTakeFirstOrThrow()
  t.equal(user.last_login_at, null, 'it is no login')
  t.equal(user.changed_at, user.imported_at, 'nor a change of the user')
})

t.test('refresh-and-verify makes a session of a legacy refresh token, too', async (t) => {
  const app = await buildLegacy(t)
  const answer = answerOf(await post(app, REFRESH_AND_VERIFY, { refresh: legacyToken('refresh') }))
  const { new_access_token, refresh } = answer.body as Record<string, string>
  t.strictSame(answer, success(200, { message: 'Token is valid', new_access_token, refresh }))
  t.match(claimsOf(refresh as string), { user_id: 1, sid: claimsOf(new_access_token as string).sid })
})

t.test('verify, introspection, header authentication and me make no session of a legacy token', async (t) => {
  const app = await buildLegacy(t)
  const client = await createClient(app, 'api')
  const ask = (token: string, hint = 'access_token') => postForm(app, INTROSPECT, { token, token_type_hint: hint }, basic(client))
  const common = { active: true, sub: '1', username: 'alice', iat: NOW - 10, jti: '0123456789abcdef0123456789abcdef' }
  const [access, refresh] = [legacyToken('access', { hash_password: MD5 }), legacyToken('refresh')]
  t.same((await ask(access)).json(), { ...common, exp: NOW + 300, token_type: 'access' })
  t.same((await ask(refresh)).json(), { active: false }, 'a refresh token that was not asked for as one')
  t.same((await ask(refresh, 'refresh_token')).json(), { ...common, exp: NOW + DAY, token_type: 'refresh' })
  t.same((await ask(legacyToken('access', { iss: 'us', aud: 'shop' }))).json(), {
    ...common,
    exp: NOW + 300,
    token_type: 'access',
    iss: 'us',
    aud: 'shop',
  })
  t.same((await ask(legacyToken('access', { iss: 7, aud: ['shop', 'bank'] }))).json(), { ...common, exp: NOW + 300, token_type: 'access' })
  t.same((await get(app, ME, access)).json(), { id: 1, username: 'alice', created_at: '2026-01-01T00:00:00.000Z' })
  for (const token of [access, refresh]) t.strictSame(answerOf(await post(app, VERIFY, { token })), verified)
  t.same(await sessionsOf(app), [])
  t.same(await legacyRows(app), [])
})

t.test('however often a legacy refresh token comes within the grace, it is one session and one lineage', async (t) => {
  const app = await buildLegacy(t)
  const legacy = legacyToken('refresh', { user_id: 1 })
  const pairs = await Promise.all(Array.from({ length: 50 }, () => refreshed(app, legacy)))
  app.clock.advance(30)
  pairs.push(await refreshed(app, legacy))
  t.equal(new Set(pairs.map(({ refresh }) => claimsOf(refresh).jti)).size, 1)
  t.equal((await sessionsOf(app)).length, 1)
  t.equal((await logins(app)).length, 1)
  t.strictSame(answerOf(await post(app, VERIFY, { token: legacy })), verified, 'verify asks as refresh does')
})

t.test('a legacy refresh token that comes back after the grace ends its session, and no other', async (t) => {
  const app = await buildLegacy(t)
  const legacy = legacyToken('refresh')
  const pair = await refreshed(app, legacy)
  const other = await logIn(app)
  app.clock.advance(30.001)
  t.strictSame(answerOf(await post(app, VERIFY, { token: legacy })), ended)
  t.strictSame(answerOf(await post(app, VERIFY, { token: pair.access })), verified, 'asking ends nothing')
  t.strictSame(answerOf(await post(app, REFRESH, { refresh: legacy })), ended)
  t.strictSame(answerOf(await post(app, REFRESH, { refresh: pair.refresh })), ended)
  t.strictSame(answerOf(await post(app, VERIFY, { token: other.access })), verified)
  t.match(await refusals(app), [{ reason: 'reuse_detected' }, { reason: 'session_ended: reuse_detected' }])
  t.strictSame(answerOf(await post(app, VERIFY, { token: legacyToken('access', { jti: 'b' }) })), verified, 'nor a legacy token')
})

t.test('with REFRESH_ROTATION=off a client goes on with its legacy token until that expires', async (t) => {
  const app = await buildLegacy(t, { REFRESH_ROTATION: 'off', SESSION_MAX_AGE: '200000' })
  const legacy = legacyToken('refresh', { exp: NOW + 100_000 })
  for (const seconds of [0, 3600, 90_000, 6399]) {
    app.clock.advance(seconds)
    const { status, body } = seen(await post(app, REFRESH, { refresh: legacy }))
    t.same([status, Object.keys(body as object)], [200, ['access']])
  }
  t.same(await sessionsOf(app), [{ id: 1, user_id: 1, refresh_iat: NOW - 10, refresh_exp: NOW + 100_000, end_reason: null }])
  app.clock.advance(1)
  t.strictSame(answerOf(await post(app, REFRESH, { refresh: legacy })), tokenRefused())
})

t.test('no legacy token outlives SESSION_MAX_AGE, from its first use on', async (t) => {
  const app = await buildLegacy(t, { REFRESH_ROTATION: 'off', SESSION_MAX_AGE: '1000', SESSION_HISTORY: '0' })
  const legacy = legacyToken('refresh')
  app.clock.advance(500)
  t.equal((await post(app, REFRESH, { refresh: legacy })).statusCode, 200)
  t.match(await sessionsOf(app), [{ refresh_exp: NOW + 1500 }])
  app.clock.advance(1000)
  t.strictSame(answerOf(await post(app, REFRESH, { refresh: legacy })), ended)
  await app.db.write((handle) => handle.deleteFrom('sessions').execute())
  t.strictSame(answerOf(await post(app, REFRESH, { refresh: legacy })), ended, 'nor when the session is no more')
})

t.test('with REFRESH_ROTATION=confirmed a legacy token counts until its successor is seen', async (t) => {
  const app = await buildLegacy(t, { REFRESH_ROTATION: 'confirmed' })
  const legacy = legacyToken('refresh')
  const first = await refreshed(app, legacy)
  app.clock.advance(3600)
  const again = await refreshed(app, legacy)
  t.equal(claimsOf(again.refresh).jti, claimsOf(first.refresh).jti)
  t.strictSame(answerOf(await post(app, VERIFY, { token: again.access })), verified)
  app.clock.advance(30.001)
  t.strictSame(answerOf(await post(app, REFRESH, { refresh: legacy })), ended)
})

t.test('a session that began with a legacy token goes on after LEGACY_JWT_UNTIL', async (t) => {
  const app = await buildLegacy(t, { LEGACY_JWT_UNTIL: '2026-01-01T01:00:00Z' })
  const legacy = legacyToken('refresh')
  const pair = await refreshed(app, legacy)
  app.clock.advance(3600)
  t.strictSame(answerOf(await post(app, REFRESH, { refresh: legacy })), tokenRefused())
  t.match(await refreshed(app, pair.refresh), { refresh: String })
})

t.test('a jti of any characters is one session: spaces and @ stand for something else in a chain', async (t) => {
  const app = await buildLegacy(t)
  for (const jti of ['a b@1 c@99999999999999', '@', ' ', 'é\u{1f511}%40', '550e8400-e29b-41d4-a716-446655440000']) {
    const legacy = legacyToken('refresh', { jti })
    const [first, second] = [await refreshed(app, legacy), await refreshed(app, legacy)]
    t.equal(claimsOf(first.refresh).jti, claimsOf(second.refresh).jti, jti)
  }
  t.equal((await sessionsOf(app)).length, 5)
})

t.test('SESSIONS_PER_USER holds for sessions that begin with legacy tokens', async (t) => {
  const app = await buildLegacy(t, { SESSIONS_PER_USER: '2' })
  for (const jti of ['a', 'b', 'c']) {
    await refreshed(app, legacyToken('refresh', { jti }))
    app.clock.advance(1)
  }
  t.same(
    (await sessionsOf(app)).map(({ end_reason }) => end_reason),
    ['superseded', null, null],
  )
})

t.test('what is refused is an event without the token: of an imported user, whose it was', async (t) => {
  const app = await buildLegacy(t)
  const tokens = [
    legacyToken('refresh', { exp: NOW - 1 }),
    legacyToken('access'),
    legacyToken('refresh', { user_id: 7 }),
    legacyToken('refresh', { jti: 'x' }),
  ]
  await app.db.write((handle) => handle.updateTable('users').set({ tokens_revoked_at: START }).execute())
  for (const refresh of tokens) t.equal((await post(app, REFRESH, { refresh })).statusCode, 401)
  const alice = { user_id: 1, username: 'alice', count: 1 }
  t.same(await refusals(app), [
    { reason: 'token_expired', ...alice },
    { reason: 'wrong_type', ...alice },
    { reason: 'user_deleted', user_id: null, username: null, count: 1 },
    { reason: 'revoked', ...alice },
  ])
  const all = JSON.stringify(await app.db.read.selectFrom('auth_events').selectAll().execute())
  for (const token of tokens) t.notOk(all.includes(token.split('.')[2] as string))
})
