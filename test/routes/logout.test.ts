import t from 'tap'
import { build, logIn, post, register, seen, type TestApp } from '../helper.ts'
import {
  bearerRefused,
  challenged,
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
  told,
} from '../wire/wire.ts'

const BLACKLIST = '/api/token/blacklist/'
const REVOKE = '/api/token/revoke/'
const ENDED = 'Token is blacklisted'
const done = success(200, {})
const reasonsOf = (app: TestApp) => app.db.read.selectFrom('sessions').select(['end_reason']).orderBy('id').execute()

async function refusesAll(app: TestApp, pair: { access: string; refresh: string }): Promise<unknown[]> {
  const answers = []
  for (const taker of TAKERS) answers.push(told(await taker.hand(app, pair[taker.type])))
  return answers
}
const allEnded = TAKERS.map((taker) => taker.refused(ENDED))

t.test('blacklist ends the session at once, and only that one', async (t) => {
  const app = await build(t)
  await register(app)
  const pair = await logIn(app)
  const other = await logIn(app)
  t.strictSame(told(await post(app, BLACKLIST, { refresh: pair.refresh })), done)
  t.strictSame(await refusesAll(app, pair), allEnded)
  t.strictSame(told(await post(app, HEADER, {}, { authorization: `Bearer ${other.access}` })).status, 200)
  t.same(await reasonsOf(app), [{ end_reason: 'logout' }, { end_reason: null }])
})

t.test('blacklist a second time is 401, as Simple JWT answers', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh } = await logIn(app)
  await post(app, BLACKLIST, { refresh })
  t.strictSame(told(await post(app, BLACKLIST, { refresh })), tokenRefused(ENDED))
})

t.test('blacklist takes a refresh token that was replaced, however long ago', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh } = await logIn(app)
  const next = (await post(app, REFRESH, { refresh })).json()
  app.clock.advance(3600)
  t.strictSame(told(await post(app, BLACKLIST, { refresh })), done)
  t.strictSame(told(await post(app, REFRESH, { refresh: next.refresh })), tokenRefused(ENDED))
  t.same(await reasonsOf(app), [{ end_reason: 'logout' }])
})

t.test('blacklist refuses what is no live refresh token, and ends nothing', async (t) => {
  const app = await build(t)
  await register(app)
  const { access, refresh } = await logIn(app)
  t.strictSame(told(await post(app, BLACKLIST, {})), invalid({ refresh: REQUIRED }))
  t.strictSame(told(await post(app, BLACKLIST, { refresh: 'x' })), tokenRefused())
  t.strictSame(told(await post(app, BLACKLIST, { refresh: access })), tokenRefused('Token has wrong type'))
  app.clock.advance(86_400)
  t.strictSame(told(await post(app, BLACKLIST, { refresh })), tokenRefused())
  t.same(await reasonsOf(app), [{ end_reason: null }])
})

for (const type of ['access', 'refresh'] as const) {
  t.test(`RFC 7009: revoking the ${type} token ends the session, and a second time is 200 too`, async (t) => {
    const app = await build(t)
    await register(app)
    const pair = await logIn(app)
    for (const hint of ['refresh_token', 'nonsense']) {
      t.strictSame(told(await postForm(app, REVOKE, { token: pair[type], token_type_hint: hint })), done)
    }
    t.strictSame(await refusesAll(app, pair), allEnded)
    t.same(await reasonsOf(app), [{ end_reason: 'logout' }])
  })
}

t.test('RFC 7009: revoking an expired token ends the session that it was of', async (t) => {
  const app = await build(t)
  await register(app)
  const { access, refresh } = await logIn(app)
  app.clock.advance(301)
  t.strictSame(told(await postForm(app, REVOKE, { token: access })), done)
  t.strictSame(told(await post(app, REFRESH, { refresh })), tokenRefused(ENDED))
})

t.test('RFC 7009: an unknown token is 200, and ends nothing', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh } = await logIn(app)
  const forged = `${refresh.slice(0, -10)}AAAAAAAAAA`
  for (const token of ['x', 'a.b.c', '\0', 'x'.repeat(9000), forged]) t.strictSame(told(await postForm(app, REVOKE, { token })), done)
  t.same(await reasonsOf(app), [{ end_reason: null }])
})

t.test('RFC 7009: without a token it is 400 invalid_request, told in both ways', async (t) => {
  const app = await build(t)
  const missing = problem(400, 'invalid_request', 'The parameter `token` is missing.', { error: 'invalid_request' })
  t.strictSame(told(await postRaw(app, REVOKE, undefined)), missing)
  for (const body of [{}, { token: '' }, { token: 7 }, { token: null }, { token: ['a'] }, []]) {
    t.strictSame(told(await post(app, REVOKE, body)), missing, JSON.stringify(body))
  }
})

t.test('an answer to a logout is not cached', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh } = await logIn(app)
  for (const answer of [await post(app, BLACKLIST, { refresh }), await postForm(app, REVOKE, { token: refresh })]) {
    t.equal(answer.headers['cache-control'], 'no-store')
  }
})

t.test('a logout ends the session of a disabled user too', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh } = await logIn(app)
  await app.db.write((handle) => handle.updateTable('users').set({ is_active: 0 }).execute())
  t.strictSame(seen(await post(app, BLACKLIST, { refresh })), { status: 200, body: {} })
  t.same(await reasonsOf(app), [{ end_reason: 'logout' }])
})

t.test('an access token that is handed in the header after the logout is told as Simple JWT tells it', async (t) => {
  const app = await build(t)
  await register(app)
  const { access, refresh } = await logIn(app)
  await post(app, BLACKLIST, { refresh })
  const answer = await app.inject({ url: '/api/users/me/', headers: { authorization: `Bearer ${access}` } })
  t.strictSame(told(answer), bearerRefused(ENDED))
  t.strictSame(
    told(await app.inject('/api/users/me/')),
    challenged(problem(401, 'not_authenticated', 'Authentication credentials were not provided.')),
  )
})
