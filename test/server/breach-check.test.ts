// Not on PostgreSQL: it is about another service than the database.
import t from 'tap'
import { databaseUrl } from '../databases.ts'
import { build, logIn, PASSWORD, post, register, seen } from '../helper.ts'
import { deadUrl, knows, rangeServer, sha1 } from '../range-server.ts'
import { answerOf, created, invalid, OBTAIN, REGISTER, TAKEN } from '../wire/wire.ts'
import { postTo, start } from './process.ts'

const BREACHED = ['This password has appeared in a data breach.']

t.test('with BREACH_CHECK_URL a password known from a breach is refused, together with the errors of the name', async (t) => {
  const { url } = await rangeServer(t, knows(PASSWORD))
  const app = await build(t, { BREACH_CHECK_URL: url })
  t.strictSame(answerOf(await post(app, REGISTER, { username: 'alice', password: PASSWORD })), invalid({ password: BREACHED }))
  t.strictSame(answerOf(await post(app, REGISTER, { username: 'alice', password: `${PASSWORD}!` })), created)
  const both = await post(app, REGISTER, { username: 'alice', password: PASSWORD })
  t.strictSame(answerOf(both), invalid({ password: BREACHED, username: TAKEN }))
  t.same(app.breachCheck.stats, { breached: 2, unknown: 1, failed: 0 })
})

t.test('the new password of a password change is checked like that of a registration', async (t) => {
  const { url } = await rangeServer(t, knows('known from a breach'))
  const app = await build(t, { BREACH_CHECK_URL: url })
  await register(app)
  const { access } = await logIn(app)
  const change = (new_password: string) =>
    post(app, '/api/users/me/password/', { current_password: PASSWORD, new_password }, { authorization: `Bearer ${access}` })
  t.strictSame(answerOf(await change('known from a breach')), invalid({ new_password: BREACHED }))
  t.strictSame(answerOf(await change('Latchkey 2026')), invalid({ new_password: ['This password is too common.'] }))
  t.equal((await change('known from nowhere')).statusCode, 200)
})

t.test('BREACH_CHECK_URL works with and without a slash at its end', async (t) => {
  const { url, requests } = await rangeServer(t, knows(PASSWORD))
  const app = await build(t, { BREACH_CHECK_URL: url.slice(0, -1) })
  t.strictSame(answerOf(await post(app, REGISTER, { username: 'alice', password: PASSWORD })), invalid({ password: BREACHED }))
  t.same(
    requests.map(({ path }) => path),
    [`/range/${sha1(PASSWORD).prefix}`],
  )
})

t.test('a password that is refused anyway is not looked up, nor is the password of a login', async (t) => {
  const { url, requests } = await rangeServer(t, knows())
  const app = await build(t, { BREACH_CHECK_URL: url })
  for (const password of ['', 7, null, 'short', 'password', '12345678901', 'alice in wonderland', 'kW!7'.repeat(257)]) {
    t.equal((await post(app, REGISTER, { username: 'alice', password })).statusCode, 400)
  }
  t.equal(requests.length, 0)
  t.strictSame(answerOf(await post(app, REGISTER, { username: 'alice', password: PASSWORD })), created)
  await logIn(app)
  await post(app, OBTAIN, { username: 'alice', password: 'wrong horse battery' })
  t.equal(requests.length, 1)
})

t.test('while the breach list cannot be reached, users can register, and the log warns once, with no part of a password', async (t) => {
  const service = await start(t, { DATABASE_URL: await databaseUrl(t), LOG_LEVEL: 'trace', BREACH_CHECK_URL: await deadUrl() })
  for (const username of ['alice', 'bob', 'carol']) {
    const answer = await postTo(`${service.url}/api/users/`, { username, password: PASSWORD })
    t.same(answer, { status: 201, body: { message: 'User created successfully' } })
  }
  await service.stop()
  const output = service.output().toUpperCase()
  const { prefix, suffix } = sha1(PASSWORD)
  for (const secret of [PASSWORD.toUpperCase(), prefix, suffix]) t.notOk(output.includes(secret), secret)
  const warnings = service
    .output()
    .split('\n')
    .filter((line) => line.includes('breach'))
    .map((line) => JSON.parse(line))
  t.match(warnings, [{ level: 40, reason: 'ECONNREFUSED', failed: 1, msg: 'the breach check fails, and passwords are taken without it' }])
  t.equal(warnings.length, 1)
})

t.test('without BREACH_CHECK_URL a password is looked up nowhere', async (t) => {
  const app = await build(t)
  t.strictSame(answerOf(await post(app, REGISTER, { username: 'alice', password: PASSWORD })), created)
  t.same(app.breachCheck.stats, { breached: 0, unknown: 0, failed: 0 })
  t.strictSame(seen(await post(app, OBTAIN, { username: 'alice', password: PASSWORD })).status, 200)
})
