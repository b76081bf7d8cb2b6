import t from 'tap'
import { build, logIn, post, register, seen, type TestApp } from '../helper.ts'
import {
  answerOf,
  bearerRefused,
  challenged,
  FORM,
  HEADER,
  invalid,
  postForm,
  postRaw,
  problem,
  REFRESH,
  REQUIRED,
  success,
  TAKERS,
  tokenRefused,
} from '../wire/wire.ts'

const BLACKLIST = '/api/token/blacklist/'
const REVOKE = '/api/token/revoke/'
const ENDED = 'Token is blacklisted'
const done = success(200, {})
const reasonsOf = (app: TestApp) => app.db.read.selectFrom('sessions').select(['end_reason']).orderBy('id').execute()

async function refusesAll(app: TestApp, pair: { access: string; refresh: string }): Promise<unknown[]> {
  const answers = []
  for (const taker of TAKERS) answers.push(answerOf(await taker.send(app, pair[taker.type])))
  return answers
}
const allEnded = TAKERS.map((taker) => taker.refused(ENDED))

t.test('blacklist ends the session at once, and only that one', async (t) => {
  const app = await build(t)
  await register(app)
  const pair = await logIn(app)
  const other = await logIn(app)
  t.strictSame(answerOf(await post(app, BLACKLIST, { refresh: pair.refresh })), done)
  t.strictSame(await refusesAll(app, pair), allEnded)
  t.strictSame(answerOf(await post(app, HEADER, {}, { authorization: `Bearer ${other.access}` })).status, 200)
  t.same(await reasonsOf(app), [{ end_reason: 'logout' }, { end_reason: null }])
})

t.test('a second blacklist of the same token is 401, as in Simple JWT', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh } = await logIn(app)
  await post(app, BLACKLIST, { refresh })
  t.strictSame(answerOf(await post(app, BLACKLIST, { refresh })), tokenRefused(ENDED))
})

t.test('blacklist accepts a refresh token that was replaced, no matter how long ago', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh } = await logIn(app)
  const next = (await post(app, REFRESH, { refresh })).json()
  app.clock.advance(3600)
  t.strictSame(answerOf(await post(app, BLACKLIST, { refresh })), done)
  t.strictSame(answerOf(await post(app, REFRESH, { refresh: next.refresh })), tokenRefused(ENDED))
  t.same(await reasonsOf(app), [{ end_reason: 'logout' }])
})

t.test('blacklist refuses all but live refresh tokens, and then ends no session', async (t) => {
  const app = await build(t)
  await register(app)
  const { access, refresh } = await logIn(app)
  t.strictSame(answerOf(await post(app, BLACKLIST, {})), invalid({ refresh: REQUIRED }))
  t.strictSame(answerOf(await post(app, BLACKLIST, { refresh: 'x' })), tokenRefused())
  t.strictSame(answerOf(await post(app, BLACKLIST, { refresh: access })), tokenRefused('Token has wrong type'))
  app.clock.advance(86_400)
  t.strictSame(answerOf(await post(app, BLACKLIST, { refresh })), tokenRefused())
  t.same(await reasonsOf(app), [{ end_reason: null }])
})

for (const type of ['access', 'refresh'] as const) {
  t.test(`RFC 7009: revoking the ${type} token ends the session, and a second time is 200 too`, async (t) => {
    const app = await build(t)
    await register(app)
    const pair = await logIn(app)
    for (const hint of ['refresh_token', 'nonsense']) {
      t.strictSame(answerOf(await postForm(app, REVOKE, { token: pair[type], token_type_hint: hint })), done)
    }
    t.strictSame(await refusesAll(app, pair), allEnded)
    t.same(await reasonsOf(app), [{ end_reason: 'logout' }])
  })
}

t.test('RFC 7009: revoking an expired token ends its session', async (t) => {
  const app = await build(t)
  await register(app)
  const { access, refresh } = await logIn(app)
  app.clock.advance(301)
  t.strictSame(answerOf(await postForm(app, REVOKE, { token: access })), done)
  t.strictSame(answerOf(await post(app, REFRESH, { refresh })), tokenRefused(ENDED))
})

t.test('RFC 7009: revoking an unknown token is 200, and ends no session', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh } = await logIn(app)
  const forged = `${refresh.slice(0, -10)}AAAAAAAAAA`
  for (const token of ['x', 'a.b.c', '\0', 'x'.repeat(9000), forged]) t.strictSame(answerOf(await postForm(app, REVOKE, { token })), done)
  t.same(await reasonsOf(app), [{ end_reason: null }])
})

t.test('RFC 7009: a missing token is 400 invalid_request, in both code and error', async (t) => {
  const app = await build(t)
  const missing = problem(400, 'invalid_request', 'The parameter `token` is missing.', { error: 'invalid_request' })
  t.strictSame(answerOf(await postRaw(app, REVOKE, undefined)), missing)
  for (const body of [{}, { token: '' }, { token: 7 }, { token: null }, { token: ['a'] }, []]) {
    t.strictSame(answerOf(await post(app, REVOKE, body)), missing, JSON.stringify(body))
  }
})

t.test('RFC 6749 §3.1: a parameter that comes twice in a form is 400, and ends no session', async (t) => {
  const app = await build(t)
  await register(app)
  const { access, refresh } = await logIn(app)
  const repeated = problem(400, 'invalid_request', 'A parameter is included more than once.', { error: 'invalid_request' })
  const bodies = [
    `token=${access}&token=${refresh}`,
    `token=&token=${refresh}`,
    `token=${refresh}&%74oken=`,
    `token=${refresh}&token_type_hint=access_token&token_type_hint=refresh_token`,
    `token=${refresh}&client_id=a&client_id=a`,
    `token=${refresh}&client_secret=a&client_secret=`,
    `token=${refresh}&unknown&unknown`,
    'unknown=1&unknown=2',
  ]
  for (const body of bodies) t.strictSame(answerOf(await postRaw(app, REVOKE, body, FORM)), repeated, body)
  t.same(await reasonsOf(app), [{ end_reason: null }])
  t.strictSame(answerOf(await postRaw(app, REVOKE, `token=${refresh}&client_id=a&unknown=`, FORM)), done)
  t.same(await reasonsOf(app), [{ end_reason: 'logout' }])
})

t.test('an answer to a logout is not cached', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh } = await logIn(app)
  for (const answer of [await post(app, BLACKLIST, { refresh }), await postForm(app, REVOKE, { token: refresh })]) {
    t.equal(answer.headers['cache-control'], 'no-store')
  }
})

t.test('a logout also ends the session of a disabled user', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh } = await logIn(app)
  await app.db.write((handle) => handle.updateTable('users').set({ is_active: 0 }).execute())
  t.strictSame(seen(await post(app, BLACKLIST, { refresh })), { status: 200, body: {} })
  t.same(await reasonsOf(app), [{ end_reason: 'logout' }])
})

t.test('an access token in the header after the logout is refused as Simple JWT refuses it', async (t) => {
  const app = await build(t)
  await register(app)
  const { access, refresh } = await logIn(app)
  await post(app, BLACKLIST, { refresh })
  const answer = await app.inject({ url: '/api/users/me/', headers: { authorization: `Bearer ${access}` } })
  t.strictSame(answerOf(answer), bearerRefused(ENDED))
  t.strictSame(
    answerOf(await app.inject('/api/users/me/')),
    challenged(problem(401, 'not_authenticated', 'Authentication credentials were not provided.')),
  )
})
