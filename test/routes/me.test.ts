import t from 'tap'
import { build, claimsOf, logIn, PASSWORD, post, register, START, type TestApp } from '../helper.ts'
import {
  answerOf,
  bearerRefused,
  challenged,
  HEADER,
  invalid,
  problem,
  REFRESH,
  REQUIRED,
  success,
  tokenRefused,
  VERIFY,
} from '../wire/wire.ts'

const ME = '/api/users/me/'
const SESSIONS = '/api/users/me/sessions/'
const CHANGE = '/api/users/me/password/'
const DELETE_ME = '/api/users/me/delete/'
const NEXT = 'another horse battery'
const ENDED = 'Token is blacklisted'
const gone = { status: 204, body: '', challenge: undefined, type: '', order: [] }
const notFound = problem(404, 'not_found', 'Not found.')
const wrong = (field: string) => invalid({ [field]: ['Invalid password.'] })

const bearer = (access: string) => ({ authorization: `Bearer ${access}` })
const get = (app: TestApp, url: string, access: string) => app.inject({ url, headers: bearer(access) })
const remove = (app: TestApp, url: string, access: string) => app.inject({ method: 'DELETE', url, headers: bearer(access) })
const reasonsOf = async (app: TestApp) => {
  const rows = await app.db.read.selectFrom('sessions').select('end_reason').orderBy('id').execute()
  return rows.map(({ end_reason }) => end_reason)
}

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
  const mine = { id: '2', created_at: iso(0), last_used_at: iso(120), address: '127.0.0.1', client: 'curl/8', current: false }
  const other = {
    id: '3',
    created_at: iso(60),
    last_used_at: iso(60),
    address: '192.0.2.7',
    client: `Browser ${'x'.repeat(192)}`,
    current: true,
  }
  const answer = await get(app, SESSIONS, second.access)
  t.strictSame({ status: answer.statusCode, body: answer.json() }, { status: 200, body: [mine, other] })
  t.equal(claimsOf(second.access).sid, '3')
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
    ['2'],
  )
})

t.test('a session can be ended by its id, at once', async (t) => {
  const app = await build(t)
  await register(app)
  const mine = await logIn(app)
  const lost = await logIn(app)
  t.strictSame(answerOf(await remove(app, `${SESSIONS}2/`, mine.access)), gone)
  t.strictSame(answerOf(await post(app, VERIFY, { token: lost.access })), tokenRefused(ENDED))
  t.strictSame(answerOf(await post(app, VERIFY, { token: mine.access })), success(200, {}))
  t.strictSame(answerOf(await remove(app, `${SESSIONS}2/`, mine.access)), notFound, 'a second time')
  t.same(await reasonsOf(app), [null, 'logout'])
})

t.test('the session of another user is 404, and does not end', async (t) => {
  const app = await build(t)
  await register(app)
  await register(app, 'bob')
  const { access } = await logIn(app)
  await logIn(app, 'bob')
  for (const id of ['2', '999', '0', '-1', '1.0', '01', 'x', '1e0', '%00', '9'.repeat(30), "1' or '1'='1"]) {
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

t.test('a password change ends the other sessions, and answers new tokens of this one', async (t) => {
  const app = await build(t)
  await register(app)
  const other = await logIn(app)
  const mine = await logIn(app)
  const answer = await post(app, CHANGE, { current_password: PASSWORD, new_password: NEXT }, bearer(mine.access))
  const pair = answer.json()
  t.strictSame({ status: answer.statusCode, members: Object.keys(pair) }, { status: 200, members: ['refresh', 'access'] })
  t.equal(answer.headers['cache-control'], 'no-store')
  t.not(claimsOf(pair.refresh).jti, claimsOf(mine.refresh).jti)
  t.equal(claimsOf(pair.refresh).sid, claimsOf(mine.refresh).sid)
  t.strictSame(answerOf(await post(app, REFRESH, { refresh: other.refresh })), tokenRefused(ENDED))
  t.equal((await post(app, REFRESH, { refresh: pair.refresh })).statusCode, 200)
  t.same(await reasonsOf(app), ['password_changed', null])
  const login = (password: string) => post(app, '/api/token/', { username: 'alice', password })
  t.same([(await login(PASSWORD)).statusCode, (await login(NEXT)).statusCode], [401, 200])
})

t.test('with REFRESH_ROTATION=off a password change keeps the same refresh token', async (t) => {
  const app = await build(t, { REFRESH_ROTATION: 'off' })
  await register(app)
  const mine = await logIn(app)
  const { refresh } = (await post(app, CHANGE, { current_password: PASSWORD, new_password: NEXT }, bearer(mine.access))).json()
  t.equal(claimsOf(refresh).jti, claimsOf(mine.refresh).jti)
  app.clock.advance(3600)
  for (const token of [mine.refresh, refresh]) t.equal((await post(app, REFRESH, { refresh: token })).statusCode, 200)
})

t.test('a refused password change lists every error, and changes nothing', async (t) => {
  const app = await build(t)
  await register(app)
  await logIn(app)
  const { access } = await logIn(app)
  const change = (body: unknown) => post(app, CHANGE, body, bearer(access))
  t.strictSame(answerOf(await change({ current_password: 'wrong', new_password: NEXT })), wrong('current_password'))
  t.strictSame(
    answerOf(await change({ current_password: 'wrong', new_password: '12345' })),
    invalid({
      current_password: ['Invalid password.'],
      new_password: [
        'This password is too short. It must contain at least 8 characters.',
        'This password is too common.',
        'This password is entirely numeric.',
      ],
    }),
  )
  t.strictSame(
    answerOf(await change({ current_password: PASSWORD, new_password: 'alice in wonderland' })),
    invalid({ new_password: ['The password is too similar to the username.'] }),
  )
  t.strictSame(answerOf(await change({})), invalid({ current_password: REQUIRED, new_password: REQUIRED }))
  t.strictSame(answerOf(await change({ current_password: 7, new_password: NEXT })), invalid({ current_password: ['Not a valid string.'] }))
  t.strictSame(
    answerOf(await change({ current_password: PASSWORD, new_password: 'x'.repeat(1025) })),
    invalid({ new_password: ['Ensure this field has no more than 1024 characters.'] }),
  )
  t.strictSame(answerOf(await change({ current_password: 'x'.repeat(2000), new_password: NEXT })), wrong('current_password'))
  t.same(await reasonsOf(app), [null, null])
  await logIn(app)
})

t.test('of two simultaneous password changes exactly one succeeds', async (t) => {
  const app = await build(t)
  await register(app)
  const sessions = [await logIn(app), await logIn(app)]
  const answers = await Promise.all(
    sessions.map(({ access }, i) => post(app, CHANGE, { current_password: PASSWORD, new_password: `${NEXT} ${i}` }, bearer(access))),
  )
  const winner = answers.findIndex(({ statusCode }) => statusCode === 200)
  t.equal(answers.filter(({ statusCode }) => statusCode === 200).length, 1)
  t.ok([400, 401].includes(answers[1 - winner]?.statusCode as number))
  await logIn(app, 'alice', `${NEXT} ${winner}`)
})

t.test('a deleted account loses its sessions, and its id is not used again', async (t) => {
  const app = await build(t)
  await register(app)
  const { access, refresh } = await logIn(app)
  t.strictSame(answerOf(await post(app, DELETE_ME, { password: 'wrong' }, bearer(access))), wrong('password'))
  t.strictSame(answerOf(await post(app, DELETE_ME, {}, bearer(access))), invalid({ password: REQUIRED }))
  t.strictSame(answerOf(await post(app, DELETE_ME, { password: PASSWORD }, bearer(access))), success(200, {}))
  t.strictSame(answerOf(await post(app, HEADER, {}, bearer(access))), challenged(problem(401, 'user_not_found', 'User not found')))
  t.strictSame(
    answerOf(await post(app, REFRESH, { refresh })),
    challenged(problem(401, 'no_active_account', 'No active account found for the given token.')),
  )
  await register(app)
  t.equal((await get(app, ME, (await logIn(app)).access)).json().id, 2)
})

t.test('a form is read like JSON', async (t) => {
  const app = await build(t)
  await register(app)
  const { access } = await logIn(app)
  const answer = await app.inject({
    method: 'POST',
    url: DELETE_ME,
    headers: { ...bearer(access), 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({ password: PASSWORD }).toString(),
  })
  t.strictSame(answerOf(answer), success(200, {}))
})
