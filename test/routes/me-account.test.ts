import t from 'tap'
import { build, claimsOf, logIn, PASSWORD, post, register } from '../helper.ts'
import { answerOf, challenged, HEADER, invalid, problem, REFRESH, REQUIRED, success, TAKERS, tokenRefused, VERIFY } from '../wire/wire.ts'
import { bearer, CHANGE, DELETE_ME, ENDED, get, ME, NEXT, reasonsOf, wrong } from './me.ts'

t.test('a password change ends every session, the one that asks too, and answers the tokens of a fresh one', async (t) => {
  const app = await build(t)
  await register(app)
  await register(app, 'bob')
  const bob = await logIn(app, 'bob')
  const other = await logIn(app)
  const mine = await logIn(app)
  const answer = await post(app, CHANGE, { current_password: PASSWORD, new_password: NEXT }, bearer(mine.access))
  const pair = answer.json()
  t.strictSame({ status: answer.statusCode, members: Object.keys(pair) }, { status: 200, members: ['refresh', 'access'] })
  t.equal(answer.headers['cache-control'], 'no-store')
  t.match(claimsOf(pair.refresh).sid, /^4-/)
  t.equal(claimsOf(pair.access).sid, claimsOf(pair.refresh).sid)
  for (const old of [other, mine]) {
    for (const taker of TAKERS) t.strictSame(answerOf(await taker.send(app, old[taker.type])), taker.refused(ENDED), taker.name)
    t.strictSame(answerOf(await post(app, VERIFY, { token: old.refresh })), tokenRefused(ENDED))
  }
  for (const good of [pair, bob]) for (const taker of TAKERS) t.equal((await taker.send(app, good[taker.type])).statusCode, 200, taker.name)
  t.same(await reasonsOf(app), [null, 'password_changed', 'password_changed', null])
  const login = (password: string) => post(app, '/api/token/', { username: 'alice', password })
  t.same([(await login(PASSWORD)).statusCode, (await login(NEXT)).statusCode], [401, 200])
})

for (const mode of ['on', 'confirmed', 'off']) {
  t.test(
    `with REFRESH_ROTATION=${mode} no refresh token from before a password change is answered, within the grace neither`,
    async (t) => {
      const app = await build(t, { REFRESH_ROTATION: mode })
      await register(app)
      const first = await logIn(app)
      const second = (await post(app, REFRESH, { refresh: first.refresh })).json()
      const pair = (await post(app, CHANGE, { current_password: PASSWORD, new_password: NEXT }, bearer(second.access))).json()
      for (const { refresh } of [first, second]) {
        if (refresh !== undefined) t.strictSame(answerOf(await post(app, REFRESH, { refresh })), tokenRefused(ENDED))
      }
      t.equal((await post(app, REFRESH, { refresh: pair.refresh })).statusCode, 200)
      t.same(await reasonsOf(app), ['password_changed', null])
    },
  )
}

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
