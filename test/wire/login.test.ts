import t from 'tap'
import type { TestApp } from '../helper.ts'
import { build, PASSWORD, post, register } from '../helper.ts'
import { answerOf, credentialsRequired, FALSY, LOGIN, NON_OBJECTS, postForm, postRaw, show, TRUTHY, wrongCredentials } from './wire.ts'

async function disable(app: TestApp, username: string): Promise<void> {
  await app.db.write((handle) => handle.updateTable('users').set({ is_active: 0 }).where('username', '=', username).execute())
}

t.test('B3, A23: the right credentials start a session, and the answer must not be cached', async (t) => {
  const app = await build(t)
  await register(app)
  const answer = await post(app, LOGIN, { username: 'alice', password: PASSWORD })
  const { refresh, access } = answer.json()
  t.strictSame({ status: answer.statusCode, body: answer.json() }, { status: 200, body: { message: 'Login successful', refresh, access } })
  t.strictSame(Object.keys(answer.json()), ['message', 'refresh', 'access'])
  t.match([refresh, access], [/^[\w-]+\.[\w-]+\.[\w-]+$/, /^[\w-]+\.[\w-]+\.[\w-]+$/])
  t.equal(answer.headers['cache-control'], 'no-store')
  t.notOk('www-authenticate' in answer.headers)
})

t.test('B3: a username or password that is absent, empty, null, 0, false, [] or {} counts as missing', async (t) => {
  const app = await build(t)
  await register(app)
  t.strictSame(answerOf(await post(app, LOGIN, {})), credentialsRequired, '{}')
  t.strictSame(answerOf(await postRaw(app, LOGIN, undefined)), credentialsRequired, 'no body')
  t.strictSame(answerOf(await post(app, LOGIN, { username: 'alice' })), credentialsRequired, 'no password')
  t.strictSame(answerOf(await post(app, LOGIN, { password: PASSWORD })), credentialsRequired, 'no username')
  for (const value of FALSY) {
    t.strictSame(answerOf(await post(app, LOGIN, { username: value, password: PASSWORD })), credentialsRequired, `username ${show(value)}`)
    t.strictSame(answerOf(await post(app, LOGIN, { username: 'alice', password: value })), credentialsRequired, `password ${show(value)}`)
    t.strictSame(answerOf(await post(app, LOGIN, { username: 5, password: value })), credentialsRequired, `a number and ${show(value)}`)
  }
})

t.test('B3: all wrong credentials get the same answer, without a challenge', async (t) => {
  const app = await build(t)
  for (const username of ['alice', 'disabled', 'deleted']) await register(app, username)
  await disable(app, 'disabled')
  await app.db.write((handle) => handle.deleteFrom('users').where('username', '=', 'deleted').execute())
  const cases: [name: string, username: string, password: string][] = [
    ['wrong password', 'alice', 'wrong horse battery'],
    ['password in another case', 'alice', PASSWORD.toUpperCase()],
    ['unknown', 'nobody', PASSWORD],
    ['inactive', 'disabled', PASSWORD],
    ['inactive, wrong password', 'disabled', 'wrong horse battery'],
    ['deleted', 'deleted', PASSWORD],
    ['wrong case', 'ALICE', PASSWORD],
    ['padded password', 'alice', ` ${PASSWORD}`],
    ['password with a line break', 'alice', `${PASSWORD}\n`],
    ['password of white space', 'alice', '   '],
    ['NUL in the username', 'alice\0', PASSWORD],
    ['NUL in the password', 'alice', `${PASSWORD}\0`],
    ['NUL in the password of an unknown user', 'nobody', 'a\0'],
    ['A3: lone surrogate in the username', 'alice\ud800', PASSWORD],
    ['A3: lone surrogate in the password', 'alice', `${PASSWORD}\ud800`],
    ['201 code points', 'a'.repeat(201), PASSWORD],
    ['15 kB of username', 'a'.repeat(15_000), PASSWORD],
    ['15 kB of password', 'alice', 'a'.repeat(15_000)],
  ]
  for (const [name, username, password] of cases)
    t.strictSame(answerOf(await post(app, LOGIN, { username, password })), wrongCredentials, name)
})

t.test('A3: a lone surrogate does not match the replacement character in a password', async (t) => {
  const app = await build(t)
  await register(app, 'alice', 'black diamond \ufffd')
  t.equal((await post(app, LOGIN, { username: 'alice', password: 'black diamond \ufffd' })).statusCode, 200)
  t.strictSame(answerOf(await post(app, LOGIN, { username: 'alice', password: 'black diamond \ud800' })), wrongCredentials)
})

t.test('A4: a non-string is a wrong credential, even where its text is the stored one', async (t) => {
  const app = await build(t)
  await register(app, '888')
  await register(app, 'True')
  for (const value of TRUTHY) {
    t.strictSame(answerOf(await post(app, LOGIN, { username: value, password: PASSWORD })), wrongCredentials, `username ${show(value)}`)
    t.strictSame(answerOf(await post(app, LOGIN, { username: '888', password: value })), wrongCredentials, `password ${show(value)}`)
    t.strictSame(
      answerOf(await post(app, LOGIN, { username: 'nobody', password: value })),
      wrongCredentials,
      `password ${show(value)} of an unknown user`,
    )
  }
})

t.test('A4: a body that is no object counts as empty', async (t) => {
  const app = await build(t)
  for (const [json] of NON_OBJECTS) {
    t.strictSame(answerOf(await postRaw(app, LOGIN, json, 'application/json')), credentialsRequired, json.slice(0, 20))
  }
})

t.test('A5: a username with spaces around it logs in, and a blank one counts as missing', async (t) => {
  const app = await build(t)
  await register(app)
  t.equal((await post(app, LOGIN, { username: '  alice\n', password: PASSWORD })).statusCode, 200)
  for (const username of [' ', '\t\u3000', '\x85']) {
    t.strictSame(answerOf(await post(app, LOGIN, { username, password: PASSWORD })), credentialsRequired, show(username))
  }
})

t.test('B3: a user can log in with a form', async (t) => {
  const app = await build(t)
  await register(app)
  t.equal((await postForm(app, LOGIN, { username: 'alice', password: PASSWORD })).statusCode, 200)
  t.strictSame(answerOf(await postForm(app, LOGIN, { username: 'alice', password: 'wrong' })), wrongCredentials)
  t.strictSame(answerOf(await postForm(app, LOGIN, { username: 'alice', password: '' })), credentialsRequired)
})
