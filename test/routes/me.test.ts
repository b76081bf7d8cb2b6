import t from 'tap'
import { build, claimsOf, logIn, PASSWORD, post, register, START } from '../helper.ts'
import { answerOf, bearerRefused, challenged, problem, REFRESH, success, tokenRefused, VERIFY } from '../wire/wire.ts'
import { bearer, CHANGE, DELETE_ME, ENDED, get, gone, ME, notFound, reasonsOf, remove, SESSIONS } from './me.ts'

t.test('every endpoint under /api/users/me/ checks the access token first', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh } = await logIn(app)
  const asks = [
    ['GET', ME],
    ['GET', SESSIONS],
    ['DELETE', SESSIONS],
    ['DELETE', `${SESSIONS}1/`],
    ['POST', CHANGE],
    ['POST', DELETE_ME],
  ] as const
  for (const [method, url] of asks) {
    const missing = challenged(problem(401, 'not_authenticated', 'Authentication credentials were not provided.'))
    t.strictSame(answerOf(await app.inject({ method, url, payload: '{' })), missing, `${method} ${url}`)
    t.strictSame(answerOf(await app.inject({ method, url, headers: bearer('x') })), bearerRefused(), `${method} ${url}`)
    t.strictSame(
      answerOf(await app.inject({ method, url, headers: bearer(refresh) })),
      bearerRefused('Token has wrong type'),
      `${method} ${url}`,
    )
  }
})

t.test('/api/users/me/ answers the user of the token', async (t) => {
  const app = await build(t)
  await register(app)
  await register(app, 'bob')
  const answer = await get(app, ME, (await logIn(app, 'bob')).access)
  t.strictSame(answerOf(answer), success(200, { id: 2, username: 'bob', created_at: '2026-01-01T00:00:00.000Z' }))
  t.equal(answer.headers['cache-control'], 'no-store')
})

t.test('the list has the live sessions of the user, the last used first, and marks the current one', async (t) => {
  const app = await build(t)
  await register(app)
  await register(app, 'bob')
  await logIn(app, 'bob')
  const first = await logIn(app)
  app.clock.advance(60)
  const second = (
    await app.inject({
      method: 'POST',
      url: '/api/token/',
      payload: { username: 'alice', password: PASSWORD },
      headers: { 'user-agent': `Browser ${'x'.repeat(300)}` },
      remoteAddress: '192.0.2.7',
    })
  ).json()
  const ended = await logIn(app)
  await post(app, '/api/token/blacklist/', { refresh: ended.refresh })
  app.clock.advance(60)
  await app.inject({ method: 'POST', url: REFRESH, payload: { refresh: first.refresh }, headers: { 'user-agent': 'curl/8' } })
  const iso = (seconds: number) => new Date(START + seconds * 1000).toISOString()
  const mine = {
    id: claimsOf(first.access).sid,
    created_at: iso(0),
    last_used_at: iso(120),
    address: '127.0.0.1',
    client: 'curl/8',
    current: false,
  }
  const other = {
    id: claimsOf(second.access).sid,
    created_at: iso(60),
    last_used_at: iso(60),
    address: '192.0.2.7',
    client: `Browser ${'x'.repeat(192)}`,
    current: true,
  }
  const answer = await get(app, SESSIONS, second.access)
  t.strictSame({ status: answer.statusCode, body: answer.json() }, { status: 200, body: [mine, other] })
})

t.test('a session that has expired is not listed, also before it is swept', async (t) => {
  const app = await build(t, { REFRESH_TOKEN_TTL: '100', ACCESS_TOKEN_TTL: '300' })
  await register(app)
  await logIn(app)
  app.clock.advance(50)
  const { access } = await logIn(app)
  app.clock.advance(50)
  t.same(
    (await get(app, SESSIONS, access)).json().map(({ id }: { id: string }) => id),
    [claimsOf(access).sid],
  )
})

t.test('a session can be ended by its id, at once', async (t) => {
  const app = await build(t)
  await register(app)
  const mine = await logIn(app)
  const lost = await logIn(app)
  t.strictSame(answerOf(await remove(app, `${SESSIONS}${claimsOf(lost.access).sid}/`, mine.access)), gone)
  t.strictSame(answerOf(await post(app, VERIFY, { token: lost.access })), tokenRefused(ENDED))
  t.strictSame(answerOf(await post(app, VERIFY, { token: mine.access })), success(200, {}))
  t.strictSame(answerOf(await remove(app, `${SESSIONS}${claimsOf(lost.access).sid}/`, mine.access)), notFound, 'a second time')
  t.same(await reasonsOf(app), [null, 'logout'])
})

t.test('the session of another user is 404, and does not end', async (t) => {
  const app = await build(t)
  await register(app)
  await register(app, 'bob')
  const { access } = await logIn(app)
  await logIn(app, 'bob')
  for (const id of ['2', '1', `1-${'A'.repeat(22)}`, '999', '0', '-1', '1.0', '01', 'x', '1e0', '%00', '9'.repeat(30), "1' or '1'='1"]) {
    t.strictSame(answerOf(await remove(app, `${SESSIONS}${encodeURIComponent(id)}/`, access)), notFound, id)
  }
  t.same(await reasonsOf(app), [null, null])
})

t.test('DELETE of the list ends all other sessions, and not the current one', async (t) => {
  const app = await build(t)
  await register(app)
  await register(app, 'bob')
  const others = [await logIn(app), await logIn(app)]
  const mine = await logIn(app)
  await logIn(app, 'bob')
  t.strictSame(answerOf(await remove(app, SESSIONS, mine.access)), gone)
  for (const { refresh } of others) t.strictSame(answerOf(await post(app, REFRESH, { refresh })), tokenRefused(ENDED))
  t.equal((await post(app, REFRESH, { refresh: mine.refresh })).statusCode, 200)
  t.same(await reasonsOf(app), ['logout_all', 'logout_all', null, null])
})

t.test('a user has at most SESSIONS_PER_USER sessions: a new one ends the one used longest ago', async (t) => {
  const app = await build(t, { SESSIONS_PER_USER: '2' })
  await register(app)
  const first = await logIn(app)
  app.clock.advance(1)
  const second = await logIn(app)
  app.clock.advance(1)
  t.equal((await post(app, REFRESH, { refresh: first.refresh })).statusCode, 200)
  const third = await logIn(app)
  t.strictSame(answerOf(await post(app, REFRESH, { refresh: second.refresh })), tokenRefused(ENDED))
  for (const { access } of [first, third]) t.strictSame(answerOf(await post(app, VERIFY, { token: access })), success(200, {}))
  t.same(await reasonsOf(app), [null, 'superseded', null])
})
