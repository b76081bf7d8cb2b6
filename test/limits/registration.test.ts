import t from 'tap'
import type { TestApp } from '../helper.ts'
import { build, PASSWORD } from '../helper.ts'
import { created, invalid, problem, REGISTER, TAKEN } from '../wire/wire.ts'
import { throttled, two, withRetryAfter } from './limits.ts'

async function ask(app: TestApp, username: string, from = '192.0.2.1', password: unknown = PASSWORD) {
  return withRetryAfter(await app.inject({ method: 'POST', url: REGISTER, remoteAddress: from, payload: { username, password } }))
}

const plain = (answer: object) => ({ ...answer, retryAfter: undefined })

t.test('an address can register thirty users a minute', async (t) => {
  const { a, b, advance } = await two(t)
  for (let i = 0; i < 30; i++) t.strictSame(await ask(i % 2 ? a : b, `user-${i}`), plain(created))
  t.strictSame(await ask(a, 'user-30'), throttled(60))
  t.strictSame(await ask(b, 'user-30', '::ffff:192.0.2.1'), throttled(60))
  t.strictSame(await ask(b, 'user-30', '192.0.2.2'), plain(created), 'another address has a count of its own')
  advance(59.999)
  t.strictSame(await ask(a, 'user-31'), throttled(1))
  advance(0.001)
  t.strictSame(await ask(b, 'user-31'), plain(created))
})

t.test('an address can ask thirty times a minute whether a name is taken, even when the rest of the body is not valid', async (t) => {
  const { a, b } = await two(t)
  t.strictSame(await ask(a, 'alice', '192.0.2.2'), plain(created))
  for (let i = 0; i < 15; i++) t.strictSame(await ask(i % 2 ? a : b, 'alice'), plain(invalid({ username: TAKEN })))
  for (let i = 0; i < 15; i++) {
    t.strictSame(await ask(b, 'alice', '192.0.2.1', 7), plain(invalid({ password: ['Not a valid string.'], username: TAKEN })))
  }
  t.strictSame(await ask(a, 'alice'), throttled(60))
  t.strictSame(await ask(a, 'nobody'), throttled(60))
})

t.test('of a hundred registrations sent at once from one address, thirty succeed', async (t) => {
  const { a, b } = await two(t)
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => ask(i % 2 ? a : b, `user-${i}`)))
  t.equal(answers.filter(({ status }) => status === 201).length, 30)
  t.equal(answers.filter(({ status }) => status === 429).length, 70)
})

t.test('while registration is closed, it is refused before the database is read', async (t) => {
  const app = await build(t, { REGISTRATION: 'closed' })
  const closed = plain(problem(403, 'registration_closed', 'Registration is closed.'))
  await app.db.write((handle) =>
    handle.insertInto('users').values({ username: 'alice', username_key: 'alice', password: 'x', created_at: 0 }).execute(),
  )
  for (const username of ['alice', 'nobody']) t.strictSame(await ask(app, username), closed, username)
  await app.db.write((handle) => handle.schema.alterTable('users').renameTo('elsewhere').execute())
  t.strictSame(await ask(app, 'alice'), closed, 'even when the table of users is missing')
})

t.test('with LIMITS=off a registration makes no address known', async (t) => {
  const app = await build(t, { LIMITS: 'off' })
  t.strictSame(await ask(app, 'alice'), plain(created))
  t.same(await app.db.read.selectFrom('known_addresses').selectAll().execute(), [])
})
