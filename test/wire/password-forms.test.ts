// Not on PostgreSQL: it is about passwords, before they are stored.
import t from 'tap'
import { build, logIn, post, register, type TestApp } from '../helper.ts'
import { bearer, CHANGE } from '../routes/me.ts'
import { answerOf, noAccount, OBTAIN, success } from './wire.ts'

const COMPOSED = 'le caf\u00e9 de la gare'
const DECOMPOSED = COMPOSED.normalize('NFD')
/** Two letters of which one is composed: no normal form. */
const MIXED = `${COMPOSED} ${DECOMPOSED}`

/** How many passwords were compared with a hash while `work` was done. */
async function comparisons(app: TestApp, work: () => Promise<unknown>): Promise<number> {
  const { hashing } = app
  const { matches } = hashing
  let count = 0
  hashing.matches = (...of) => {
    count++
    return matches.apply(hashing, of)
  }
  await work()
  hashing.matches = matches
  return count
}

for (const [name, stored, others] of [
  ['composed', COMPOSED, [DECOMPOSED]],
  ['decomposed', DECOMPOSED, [COMPOSED]],
  ['decomposed, with marks in another order', 'q\u0323\u0307 in the middle', ['q\u0307\u0323 in the middle']],
] as const) {
  t.test(`A6: a password that was set ${name} is right in its other forms`, async (t) => {
    const app = await build(t)
    await register(app, 'alice', stored)
    for (const password of [stored, ...others]) {
      t.equal((await post(app, OBTAIN, { username: 'alice', password })).statusCode, 200)
    }
    const other = `${others[0]}!`
    t.strictSame(answerOf(await post(app, OBTAIN, { username: 'alice', password: other })), noAccount)
  })
}

t.test('A6: a password in no normal form is hashed as it was sent, and is right as it was sent', async (t) => {
  const app = await build(t)
  await register(app, 'alice', MIXED)
  t.equal((await post(app, OBTAIN, { username: 'alice', password: MIXED })).statusCode, 200)
  for (const password of [MIXED.normalize('NFC'), MIXED.normalize('NFD')]) {
    t.strictSame(answerOf(await post(app, OBTAIN, { username: 'alice', password })), noAccount)
  }
})

t.test('A6: passwords that differ by case, compatibility form or invisible characters are different', async (t) => {
  const app = await build(t)
  await register(app, 'alice', 'office chair caf\u00e9')
  for (const password of ['oﬃce chair caf\u00e9', 'office chair caf\u00e9\u200b', 'Office chair caf\u00e9', 'office chair cafe']) {
    t.strictSame(answerOf(await post(app, OBTAIN, { username: 'alice', password })), noAccount)
  }
})

t.test('A6: another form of the password confirms a change of it', async (t) => {
  const app = await build(t)
  await register(app, 'alice', COMPOSED)
  const headers = bearer((await logIn(app, 'alice', COMPOSED)).access)
  const body = { current_password: DECOMPOSED, new_password: MIXED }
  t.equal((await post(app, CHANGE, body, headers)).statusCode, 200)
  t.equal((await post(app, OBTAIN, { username: 'alice', password: MIXED })).statusCode, 200)
})

t.test('A6: a hash that is made anew at a login is of the form that was right', async (t) => {
  const old = await build(t)
  await register(old, 'alice', MIXED.normalize('NFC'))
  const { password: weak } = await old.db.read.selectFrom('users').select('password').executeTakeFirstOrThrow()
  const app = await build(t, { ARGON2_ITERATIONS: '2' })
  await register(app, 'alice', 'another password')
  await app.db.write((handle) => handle.updateTable('users').set({ password: weak }).execute())
  t.equal((await post(app, OBTAIN, { username: 'alice', password: MIXED })).statusCode, 200)
  const { password: strong } = await app.db.read.selectFrom('users').select('password').executeTakeFirstOrThrow()
  t.match(strong, /t=2/)
  for (const password of [MIXED, MIXED.normalize('NFC'), MIXED.normalize('NFD')]) {
    t.equal((await post(app, OBTAIN, { username: 'alice', password })).statusCode, 200)
  }
})

t.test('A6: a wrong password costs as much for an unknown, a disabled and a known user, in whatever form it is', async (t) => {
  const app = await build(t)
  for (const username of ['alice', 'bob']) await register(app, username, COMPOSED)
  await app.db.write((handle) => handle.updateTable('users').set({ is_active: 0 }).where('username', '=', 'bob').execute())
  for (const [password, count] of [
    ['wrong horse battery', 1],
    ['wrong caf\u00e9', 2],
    ['wrong cafe\u0301', 2],
    ['wrong caf\u00e9 cafe\u0301', 3],
  ] as const) {
    for (const username of ['alice', 'bob', 'nobody']) {
      const compared = await comparisons(app, async () => {
        t.strictSame(answerOf(await post(app, OBTAIN, { username, password })), noAccount)
      })
      t.equal(compared, count, `${username}, ${password}`)
    }
  }
})

t.test('A6: a password with a lone surrogate is right in no form', async (t) => {
  const app = await build(t)
  await register(app, 'alice', `${COMPOSED}\ufffd`)
  for (const password of [`${COMPOSED}\\ud800`, `${DECOMPOSED}\\ud800`]) {
    const payload = `{"username":"alice","password":"${password}"}`
    const answer = await app.inject({
      method: 'POST',
      url: '/api/users/authentication/',
      headers: { 'content-type': 'application/json' },
      payload,
    })
    t.strictSame([answer.statusCode, answer.json().code], [401, 'invalid_credentials'])
  }
  t.strictSame(answerOf(await post(app, OBTAIN, { username: 'alice', password: `${COMPOSED}\ufffd` })).status, success(200, {}).status)
})
