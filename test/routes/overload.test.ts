import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { build, logIn, PASSWORD, post, register, seen, type TestApp } from '../helper.ts'
import { HEADER, LOGIN, OBTAIN, REGISTER } from '../wire/wire.ts'

const SMALL_QUEUE = { HASHING_CONCURRENCY: '1', HASHING_QUEUE: '1' }

const overloaded = {
  status: 503,
  body: {
    title: 'Service Unavailable',
    status: 503,
    detail: 'Too many passwords are being checked. Try again later.',
    code: 'overloaded',
  },
}

/** Fills the queue: one comparison runs for some tenths of a second, and one waits. */
async function fillQueue({ hashing }: TestApp): Promise<Promise<unknown>[]> {
  const running = hashing.matches(hashing.decoy.replace(/m=\d+,t=\d+/, 'm=65536,t=3'), PASSWORD)
  await turn()
  return [running, hashing.matches('no hash', PASSWORD)]
}

t.test('every endpoint that checks a password is 503 with Retry-After while the hashing queue is full', async (t) => {
  const app = await build(t, SMALL_QUEUE)
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
    const waiting = await fillQueue(app)
    const answer = await post(app, url, body, headers)
    t.same(seen(answer), overloaded, url)
    t.match(answer.headers['retry-after'], /^[1-9]\d?$/)
    await Promise.all(waiting)
  }
  t.equal((await post(app, OBTAIN, { username: 'alice', password: PASSWORD })).statusCode, 200)
})
