import t, { type Test } from 'tap'
import { createClient } from '../../domain/accounts/clients.ts'
import { settleRestored } from '../../domain/accounts/restored.ts'
import { TokenProblem } from '../../domain/errors.ts'
import { basic, logIn, PASSWORD, post, register, START, type TestApp } from '../helper.ts'
import { idOf, logOutUser, setActive, setFlags } from '../operator.ts'
import { routesOf, send } from '../server/routes.ts'
import { answerOf, bearerRefused, HEADER, INTROSPECT, postForm, REFRESH, success, tokenRefused, VERIFY } from '../wire/wire.ts'
import { buildLegacy, imported, legacyRows, legacyToken, NOW, refreshed, sessionsOf, UNTIL_SECONDS } from './legacy.ts'
import { bearer, CHANGE, get, ME, NEXT, remove, SESSIONS } from './me.ts'

const BLACKLIST = '/api/token/blacklist/'
const ended = tokenRefused('Token is blacklisted')
const notLegacy = bearerRefused('Token of another service: refresh the session, or log in')

const blacklist = (app: TestApp, refresh: string) => post(app, BLACKLIST, { refresh })
const revoke = (app: TestApp, token: string) => post(app, '/api/token/revoke/', { token })

/** Tells of each token whether it is taken. */
async function areTaken(app: TestApp, tokens: readonly string[]): Promise<boolean[]> {
  const answers = await Promise.all(tokens.map((token) => post(app, VERIFY, { token })))
  return answers.map(({ statusCode }) => statusCode === 200)
}

t.test('a legacy refresh token that was blacklisted before its first use is dead, and no other', async (t) => {
  const app = await buildLegacy(t)
  const [one, other] = [legacyToken('refresh', { jti: 'a' }), legacyToken('refresh', { jti: 'b' })]
  t.strictSame(answerOf(await blacklist(app, one)), success(200, {}))
  t.same(await legacyRows(app), [{ jti: 'a', user_id: 1, session_id: null, expires_at: START + 86_400_000 }])
  for (const url of [BLACKLIST, REFRESH]) t.strictSame(answerOf(await post(app, url, { refresh: one })), ended, url)
  t.strictSame(answerOf(await post(app, VERIFY, { token: one })), ended)
  t.same(await areTaken(app, [one, other]), [false, true])
  t.same(await sessionsOf(app), [])
})

for (const [name, end] of [
  ['blacklisted', blacklist],
  ['revoked', revoke],
] as const) {
  t.test(`a legacy refresh token that has become a session and is ${name} ends that session`, async (t) => {
    const app = await buildLegacy(t)
    const legacy = legacyToken('refresh')
    const pair = await refreshed(app, legacy)
    const other = await logIn(app)
    t.strictSame(answerOf(await end(app, legacy)), success(200, {}))
    t.same(await areTaken(app, [legacy, pair.access, pair.refresh, other.access]), [false, false, false, true])
    t.match(await sessionsOf(app), [{ end_reason: 'logout' }, { end_reason: null }])
    t.strictSame(answerOf(await blacklist(app, legacy)), ended)
    t.strictSame(answerOf(await revoke(app, legacy)), success(200, {}))
  })
}

t.test('a legacy token of either type that is revoked is dead, and no other', async (t) => {
  const app = await buildLegacy(t)
  for (const type of ['access', 'refresh'] as const) {
    const [one, other] = [legacyToken(type, { jti: `${type} a` }), legacyToken(type, { jti: `${type} b` })]
    for (let times = 0; times < 2; times++) t.strictSame(answerOf(await revoke(app, one)), success(200, {}))
    t.same(await areTaken(app, [one, other]), [false, true])
  }
  t.match(await legacyRows(app), [{ jti: 'access a' }, { jti: 'refresh a' }])
})

t.test('what cannot be revoked any more is answered as if it were, and nothing is kept of it', async (t) => {
  const app = await buildLegacy(t)
  const unknown = legacyToken('access', { user_id: 999 })
  for (const token of [legacyToken('refresh', { exp: NOW }), legacyToken('access', { exp: NOW - 1000, iat: NOW - 2000 }), unknown]) {
    t.strictSame(answerOf(await revoke(app, token)), success(200, {}))
  }
  t.same(await legacyRows(app), [])
})

t.test('an expired legacy token, and one after LEGACY_JWT_UNTIL, still ends the session that it has become', async (t) => {
  const app = await buildLegacy(t, { REFRESH_TOKEN_TTL: '10000000' })
  const [short, long] = [legacyToken('refresh', { jti: 'a' }), legacyToken('refresh', { jti: 'b', exp: UNTIL_SECONDS + 1000 })]
  const pairs = [await refreshed(app, short), await refreshed(app, long)]
  app.clock.advance(UNTIL_SECONDS - NOW)
  t.same(await areTaken(app, [...pairs.map(({ refresh }) => refresh), short, long]), [true, true, false, false])
  for (const token of [short, long]) t.strictSame(answerOf(await revoke(app, token)), success(200, {}))
  t.same(
    await areTaken(
      app,
      pairs.map(({ refresh }) => refresh),
    ),
    [false, false],
  )
})

/** What revokes all tokens of alice, and what then is left of the session that does so. */
const REVOCATIONS: readonly (readonly [name: string, revoke: (app: TestApp, access: string) => Promise<unknown>, isLeft: boolean])[] = [
  ['a password change', (app, access) => post(app, CHANGE, { current_password: PASSWORD, new_password: NEXT }, bearer(access)), false],
  ['the end of all other sessions', (app, access) => remove(app, SESSIONS, access), true],
  ['the end of all sessions by the operator', (app) => logOutUser(app, 'alice'), false],
  [
    'disabling',
    async (app) => {
      await setActive(app, 'alice', false)
      await setActive(app, 'alice', true)
    },
    false,
  ],
  ['the restore of a backup', (app) => settleRestored(app), false],
]

for (const [name, revokeAll, isLeft] of REVOCATIONS) {
  t.test(`${name} kills the legacy tokens of a user that were never used`, async (t) => {
    const app = await buildLegacy(t, { REFRESH_ROTATION: 'off' })
    await register(app, 'bob')
    await imported(app, 'bob')
    const used = legacyToken('refresh', { jti: 'used' })
    const { access } = await refreshed(app, used)
    const unused = (['access', 'refresh'] as const).map((type) => legacyToken(type, { jti: type, iat: NOW }))
    t.same(await areTaken(app, [...unused, used]), [true, true, true])
    await revokeAll(app, access)
    t.same(await areTaken(app, [...unused, used]), [false, false, isLeft])
    for (const url of [REFRESH, BLACKLIST]) t.strictSame(answerOf(await post(app, url, { refresh: unused[1] })), ended)
    t.strictSame(answerOf(await post(app, HEADER, {}, bearer(unused[0] as string))), bearerRefused('Token is blacklisted'))
    app.clock.advance(1)
    const next = legacyToken('refresh', { jti: 'next', iat: NOW + 1 })
    t.same(await areTaken(app, [next]), [true], 'who logs in there afterwards is in')
    if (name.startsWith('the restore')) return
    t.same(await areTaken(app, [legacyToken('access', { user_id: 2 })]), [true], 'another user is not concerned')
  })
}

t.test('a clock that was ahead at a revocation, and then one that is not, bring no legacy token back', async (t) => {
  for (const again of [(app: TestApp) => logOutUser(app, 'alice'), settleRestored]) {
    const app = await buildLegacy(t)
    app.clock.jump(1000)
    await logOutUser(app, 'alice')
    app.clock.jump(-1000)
    await again(app)
    t.same(await areTaken(app, [legacyToken('refresh', { iat: NOW + 60 })]), [false])
  }
})

t.test('the end of one session kills no legacy token', async (t) => {
  const app = await buildLegacy(t)
  const { refresh } = await logIn(app)
  await blacklist(app, refresh)
  t.same(await areTaken(app, [legacyToken('refresh')]), [true])
})

t.test('a user who is disabled or deleted is told as with tokens of ours', async (t) => {
  const app = await buildLegacy(t)
  const [access, refresh] = [legacyToken('access'), legacyToken('refresh')]
  const answers = async () => {
    const header = (await post(app, HEADER, {}, bearer(access))).json().code
    return [header, (await post(app, REFRESH, { refresh })).json().code, (await post(app, VERIFY, { token: refresh })).json().detail]
  }
  await refreshed(app, refresh)
  await setActive(app, 'alice', false)
  t.same(await answers(), ['user_inactive', 'no_active_account', 'Token is invalid or expired'])
  await app.db.write((handle) => handle.deleteFrom('users').execute())
  t.same(await answers(), ['user_not_found', 'no_active_account', 'Token is invalid or expired'])
  t.same(await legacyRows(app), [], 'nothing is kept of the tokens of a user who is no more')
})

/** What takes any access token of a user. */
const TAKES_LEGACY = ['GET /api/users/me', 'HEAD /api/users/me', 'POST /api/token/authentication-token-header']

t.test('no other endpoint takes a legacy access token, also of a superuser: it names no session', async (t) => {
  const app = await buildLegacy(t)
  await setFlags(app, 'alice', { isStaff: true, isSuperuser: true })
  const { access } = await logIn(app)
  const legacy = legacyToken('access')
  const before = await app.db.read.selectFrom('users').selectAll().execute()
  const protectedRoutes = await routesWith(app, 'not_authenticated')
  t.ok(protectedRoutes.length > 12, `${protectedRoutes.length} routes`)
  for (const route of protectedRoutes) {
    const name = `${route.method} ${route.url}`
    if (TAKES_LEGACY.includes(name.replace(/\/$/, ''))) continue
    const answer = await send(app, route, bearer(legacy))
    if (route.method === 'HEAD') t.equal(answer.statusCode, 401, name)
    else t.strictSame(answerOf(answer), notLegacy, name)
  }
  t.same(await app.db.read.selectFrom('users').selectAll().execute(), before)
  t.equal((await get(app, ME, access)).statusCode, 200)
  t.strictSame(
    answerOf(await get(app, SESSIONS, legacyToken('access', { exp: NOW }))),
    bearerRefused(),
    'what is wrong with it comes first',
  )
})

/** The routes that answer this code to whoever shows nothing. */
async function routesWith(app: TestApp, code: string) {
  const routes = routesOf(app)
  const answers = await Promise.all(routes.map((route) => send(app, route)))
  return routes.filter((_, index) => {
    const answer = answers[index]
    return answer?.statusCode === 401 && (answer.body === '' || answer.json().code === code)
  })
}

t.test('a legacy token is no device token, and no credential of a client', async (t) => {
  const app = await buildLegacy(t)
  await createClient(app, 'api')
  const refresh = legacyToken('refresh')
  t.equal((await postForm(app, INTROSPECT, { token: refresh }, bearer(legacyToken('access')))).statusCode, 401)
  t.equal((await postForm(app, INTROSPECT, { token: refresh }, basic({ clientId: 'x', clientSecret: refresh }))).statusCode, 401)
  t.equal(await app.tokens.recognize(refresh), undefined, 'which is what a device token is found by')
  await t.rejects(app.tokens.verify(refresh), new TokenProblem('legacy'))
  t.ok(await idOf(app, 'alice'))
})

t.test('first uses and a revocation of all tokens at once leave no session behind', (t) => races(t))

async function races(t: Test): Promise<void> {
  const app = await buildLegacy(t)
  const tokens = Array.from({ length: 20 }, (_, index) => legacyToken('refresh', { jti: `${index}`, iat: NOW }))
  await Promise.all([...tokens.map((refresh) => post(app, REFRESH, { refresh })), logOutUser(app, 'alice')])
  t.same(await areTaken(app, tokens), Array(20).fill(false))
  t.ok((await sessionsOf(app)).every(({ end_reason }) => end_reason === 'admin'))
}
