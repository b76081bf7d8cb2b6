import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { noOrigin } from '../../domain/events/record.ts'
import { build, logIn, PASSWORD, post, register, seen, type TestApp } from '../helper.ts'
import { HEADER, LOGIN, OBTAIN, REGISTER } from '../wire/wire.ts'

const SMALL_QUEUE = { HASHING_CONCURRENCY: '1', HASHING_QUEUE: '1' }

/** Where `post` comes from. */
const here = { ...noOrigin, address: '127.0.0.1' }

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
  const running = hashing.matches(here, hashing.decoy.replace(/m=\d+,t=\d+/, 'm=65536,t=3'), PASSWORD)
  await turn()
  return [running, hashing.matches(here, 'no hash', PASSWORD)]
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

t.test('a login or registration that finds the queue full neither reads nor writes, and counts for no limit', async (t) => {
  const app = await build(t, SMALL_QUEUE)
  const { db } = app
  const waiting = await fillQueue(app)
  const asked = () => t.fail('the database is asked')
  app.db = new Proxy(db, { get: (of, name) => (name === 'read' || name === 'write' ? asked() : Reflect.get(of, name)) })
  for (const url of [OBTAIN, REGISTER]) t.same(seen(await post(app, url, { username: 'alice', password: PASSWORD })), overloaded, url)
  app.db = db
  await Promise.all(waiting)
})

t.test('a login from a network that has few in the full queue is answered, and the newest of the largest network is 503', async (t) => {
  const app = await build(t, { HASHING_CONCURRENCY: '1', HASHING_QUEUE: '4', LIMITS: 'off' })
  await register(app)
  const logInFrom = (remoteAddress: string) =>
    app.inject({ method: 'POST', url: OBTAIN, remoteAddress, payload: { username: 'alice', password: PASSWORD } })
  const running = app.hashing.matches(noOrigin, app.hashing.decoy.replace(/m=\d+,t=\d+/, 'm=65536,t=3'), PASSWORD)
  const storm = Array.from({ length: 6 }, () => logInFrom('192.0.2.1'))
  while (app.hashing.stats.refused < 2) await turn()
  const honest = ['192.0.2.2', '2001:db8::1'].map(logInFrom)
  t.strictSame(
    (await Promise.all(honest)).map(({ statusCode }) => statusCode),
    [200, 200],
  )
  const answers = await Promise.all(storm)
  t.equal(answers.filter(({ statusCode }) => statusCode === 200).length, 2)
  const refused = answers.filter(({ statusCode }) => statusCode !== 200)
  t.strictSame(
    refused.map(seen),
    Array.from({ length: 4 }, () => overloaded),
  )
  for (const { headers } of refused) t.match(headers['retry-after'], /^[1-9]\d?$/)
  await running
})

t.test('a password change waits for both of its hashes in the name of who asks', async (t) => {
  const app = await build(t)
  await register(app)
  const { access } = await logIn(app)
  const names: (string | null)[] = []
  const { hash, matches } = app.hashing
  app.hashing.hash = (...args) => {
    names.push(args[0].address)
    return hash.apply(app.hashing, args)
  }
  app.hashing.matches = (...args) => {
    names.push(args[0].address)
    return matches.apply(app.hashing, args)
  }
  const passwords = { current_password: PASSWORD, new_password: 'another horse battery' }
  t.equal((await post(app, '/api/users/me/password/', passwords, { authorization: `Bearer ${access}` })).statusCode, 200)
  t.strictSame(names, ['127.0.0.1', '127.0.0.1'])
})
