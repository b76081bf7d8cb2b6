import t from 'tap'
import { build, logIn, PASSWORD, post, register, seen } from '../helper.ts'

t.test('a user registers, logs in, verifies, refreshes and authenticates', async (t) => {
  const app = await build(t)
  t.same(seen(await post(app, '/api/users/', { username: 'alice', password: PASSWORD })), {
    status: 201,
    body: { message: 'User created successfully' },
  })
  const login = await post(app, '/api/users/authentication/', { username: 'alice', password: PASSWORD })
  t.equal(login.statusCode, 200)
  const { access, refresh } = login.json()
  t.same(seen(await post(app, '/api/token/verify/', { token: access })), { status: 200, body: {} })
  t.same(seen(await post(app, '/api/token/authentication-token-header/', {}, { authorization: `Bearer ${access}` })), {
    status: 200,
    body: { message: 'User authenticated successfully' },
  })
  const refreshed = await post(app, '/api/token/refresh/', { refresh })
  t.equal(refreshed.statusCode, 200)
  t.same(Object.keys(refreshed.json()), ['access', 'refresh'])
})

t.test('use of a refresh token after the grace ends its session for all its tokens', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh } = await logIn(app)
  const { refresh: next, access } = (await post(app, '/api/token/refresh/', { refresh })).json()
  app.clock.advance(31)
  const ended = {
    status: 401,
    body: { title: 'Unauthorized', status: 401, detail: 'Token is blacklisted', code: 'token_not_valid' },
  }
  t.same(seen(await post(app, '/api/token/refresh/', { refresh })), ended)
  t.same(seen(await post(app, '/api/token/refresh/', { refresh: next })), ended)
  t.same(seen(await post(app, '/api/token/verify/', { token: access })), ended)
})
