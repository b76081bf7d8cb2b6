import t from 'tap'
import { build, logIn, PASSWORD, post, register, seen, type TestApp } from '../helper.ts'
import { HEADER, LOGIN, OBTAIN, REGISTER } from '../wire/wire.ts'

/** One hash takes some tenths of a second, and the queue holds one. */
const SLOW = { ARGON2_MEMORY_KIB: '65536', ARGON2_ITERATIONS: '3', HASHING_CONCURRENCY: '1', HASHING_QUEUE: '1' }

const overloaded = {
  status: 503,
  body: {
    title: 'Service Unavailable',
    status: 503,
    detail: 'Too many passwords are being checked. Try again later.',
    code: 'overloaded',
  },
}

/** Fills the queue: one hash is computed, one waits, and the third is refused. */
function fillQueue({ hashing }: TestApp): Promise<unknown>[] {
  return Array.from({ length: 3 }, () => hashing.hash(PASSWORD).catch(() => 'refused'))
}

t.test('every endpoint that checks a password is 503 with Retry-After while the hashing queue is full', async (t) => {
  const app = await build(t, SLOW)
  await register(app)
  const { access } = await logIn(app)
  const owner = { authorization: `Bearer ${access}` }
  const asks: [url: string, body: object, headers?: Record<string, string>][] = [
    [OBTAIN, { username: 'alice', password: PASSWORD }],
    [OBTAIN, { username: 'nobody', password: PASSWORD }],
    [LOGIN, { username: 'alice', password: PASSWORD }],
    [HEADER, { username: 'alice', password: PASSWORD }, owner],
    [REGISTER, { username: 'bob', password: PASSWORD }],
    ['/api/users/me/password/', { current_password: PASSWORD, new_password: 'another horse battery' }, owner],
    ['/api/users/me/delete/', { password: PASSWORD }, owner],
  ]
  for (const [url, body, headers] of asks) {
    const waiting = fillQueue(app)
    const answer = await post(app, url, body, headers)
    t.same(seen(answer), overloaded, url)
    t.match(answer.headers['retry-after'], /^[1-9]\d?$/)
    await Promise.all(waiting)
  }
  t.equal((await post(app, OBTAIN, { username: 'alice', password: PASSWORD })).statusCode, 200)
})
