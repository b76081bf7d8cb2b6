import t from 'tap'
import { build, PASSWORD, post, register } from '../helper.ts'
import {
  answerOf,
  BLANK,
  CONTROL,
  invalid,
  NON_OBJECTS,
  NON_STRINGS,
  NOT_A_STRING,
  NUL,
  NULL,
  noAccount,
  OBTAIN,
  postForm,
  postRaw,
  REQUIRED,
  SURROGATE,
  show,
} from './wire.ts'

t.test('B4, A23: the right credentials start a session, and the answer must not be cached', async (t) => {
  const app = await build(t)
  await register(app)
  for (const username of ['alice', ' alice\t']) {
    const answer = await post(app, OBTAIN, { username, password: PASSWORD })
    const { refresh, access } = answer.json()
    t.strictSame({ status: answer.statusCode, body: answer.json() }, { status: 200, body: { refresh, access } })
    t.strictSame(Object.keys(answer.json()), ['refresh', 'access'])
    t.match([refresh, access], [/^[\w-]+\.[\w-]+\.[\w-]+$/, /^[\w-]+\.[\w-]+\.[\w-]+$/])
    t.equal(answer.headers['cache-control'], 'no-store')
  }
})

t.test('B4: missing fields are listed, the username first', async (t) => {
  const app = await build(t)
  const both = invalid({ username: REQUIRED, password: REQUIRED })
  t.strictSame(answerOf(await post(app, OBTAIN, {})), both, '{}')
  t.strictSame(answerOf(await postRaw(app, OBTAIN, undefined)), both, 'no body')
  t.strictSame(answerOf(await post(app, OBTAIN, { username: 'alice' })), invalid({ password: REQUIRED }), 'no password')
  t.strictSame(answerOf(await post(app, OBTAIN, { password: PASSWORD })), invalid({ username: REQUIRED }), 'no username')
})

t.test('B4: blank, null, non-string, NUL and lone surrogates are errors of their field', async (t) => {
  const app = await build(t)
  const common: [unknown, string[]][] = [
    ['', BLANK],
    [null, NULL],
    ['a\0b', NUL],
    ['a\ud800b', SURROGATE],
    ...NON_STRINGS.map((value): [unknown, string[]] => [value, NOT_A_STRING]),
  ]
  const ofNames: [unknown, string[]][] = [
    ['   ', BLANK],
    ['\u3000\n', BLANK],
    ['a\x1fb', CONTROL],
  ]
  for (const [username, texts] of [...common, ...ofNames]) {
    t.strictSame(
      answerOf(await post(app, OBTAIN, { username, password: PASSWORD })),
      invalid({ username: texts }),
      `username ${show(username)}`,
    )
  }
  for (const [password, texts] of common) {
    t.strictSame(
      answerOf(await post(app, OBTAIN, { username: 'alice', password })),
      invalid({ password: texts }),
      `password ${show(password)}`,
    )
  }
  const both = invalid({ username: NOT_A_STRING, password: NULL })
  t.strictSame(answerOf(await post(app, OBTAIN, { password: null, username: 7 })), both, 'both, the username first')
})

t.test('B4: all wrong credentials get the same answer, with a challenge', async (t) => {
  const app = await build(t)
  for (const username of ['alice', 'disabled', 'deleted']) await register(app, username)
  await app.db.write((handle) => handle.updateTable('users').set({ is_active: 0 }).where('username', '=', 'disabled').execute())
  await app.db.write((handle) => handle.deleteFrom('users').where('username', '=', 'deleted').execute())
  const cases: [name: string, username: string, password: string][] = [
    ['wrong password', 'alice', 'wrong horse battery'],
    ['unknown', 'nobody', PASSWORD],
    ['inactive', 'disabled', PASSWORD],
    ['deleted', 'deleted', PASSWORD],
    ['wrong case', 'Alice', PASSWORD],
    ['201 code points', 'a'.repeat(201), PASSWORD],
    ['15 kB of username', 'a'.repeat(15_000), PASSWORD],
    ['A6: padded password', 'alice', `${PASSWORD} `],
    ['A6: password of white space', 'alice', '   '],
    ['A6: 1025 code points of password', 'alice', 'a'.repeat(1025)],
    ['control characters in the password', 'alice', 'a\x01\n'],
  ]
  for (const [name, username, password] of cases) t.strictSame(answerOf(await post(app, OBTAIN, { username, password })), noAccount, name)
})

t.test('B4: a body that is no object is refused with the name of its type', async (t) => {
  const app = await build(t)
  for (const [json, text] of NON_OBJECTS) {
    t.strictSame(answerOf(await postRaw(app, OBTAIN, json, 'application/json')), invalid({ non_field_errors: [text] }), json.slice(0, 20))
  }
})

t.test('A8: a user can obtain tokens with a form', async (t) => {
  const app = await build(t)
  await register(app)
  t.equal((await postForm(app, OBTAIN, { username: ' alice ', password: PASSWORD })).statusCode, 200)
  t.strictSame(answerOf(await postForm(app, OBTAIN, { username: ' ' })), invalid({ username: BLANK, password: REQUIRED }))
})
