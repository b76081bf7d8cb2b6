import t from 'tap'
import { build, logIn, PASSWORD, post, register } from '../helper.ts'
import { setFlags } from '../operator.ts'
import { answerOf, challenged, problem, REGISTER, success } from './wire.ts'

const denied = problem(403, 'permission_denied', 'You do not have permission to perform this action.')

t.test('A11: GET /api/users/ is for staff alone, a page at a time, and has no hash', async (t) => {
  const app = await build(t)
  await register(app)
  await register(app, 'root')
  const get = async (username: string) =>
    app.inject({ url: REGISTER, headers: { authorization: `Bearer ${(await logIn(app, username)).access}` } })
  const anonymous = challenged(problem(401, 'not_authenticated', 'Authentication credentials were not provided.'))
  t.strictSame(answerOf(await app.inject(REGISTER)), anonymous)
  for (const url of ['/api/users', '/api/users/?limit=1']) t.strictSame(answerOf(await app.inject(url)), anonymous, url)
  t.strictSame(answerOf(await get('alice')), denied)
  await setFlags(app, 'root', { isStaff: true })
  const user = { last_login: '2026-01-01T00:00:00.000Z', is_superuser: false, is_active: true, is_staff: false }
  const joined = { date_joined: '2026-01-01T00:00:00.000Z' }
  const answer = await get('root')
  t.strictSame(
    answerOf(answer),
    success(200, {
      results: [
        { id: 1, username: 'alice', ...user, ...joined },
        { id: 2, username: 'root', ...user, is_staff: true, ...joined },
      ],
      next: null,
    }),
  )
  t.notMatch(answer.body, /argon2|password/)
})

t.test('A7: whoever registers is neither staff nor a superuser, whatever the body says', async (t) => {
  const app = await build(t)
  const flags = { is_staff: true, is_superuser: true, is_active: false, last_login: 'x', id: 7 }
  t.equal((await post(app, REGISTER, { username: 'mallory', password: PASSWORD, ...flags })).statusCode, 201)
  t.match(await app.db.read.selectFrom('users').selectAll().execute(), [
    { id: 1, is_staff: 0, is_superuser: 0, is_active: 1, last_login_at: null },
  ])
})
