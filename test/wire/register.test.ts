import t from 'tap'
import { fold } from '../../domain/text.ts'
import { build, PASSWORD, post, register, seen } from '../helper.ts'
import {
  answerOf,
  BLANK,
  created,
  FORM,
  invalid,
  NON_OBJECTS,
  NON_STRINGS,
  NOT_A_STRING,
  NUL,
  NULL,
  OBTAIN,
  postForm,
  postRaw,
  problem,
  REGISTER,
  REQUIRED,
  SURROGATE,
  show,
  TAKEN,
} from './wire.ts'

const NAME_TOO_LONG = 'Ensure this field has no more than 200 characters.'

t.test('B1: a new user is created, and the answer has only the message', async (t) => {
  const app = await build(t)
  const answer = await post(app, REGISTER, { username: 'alice', password: PASSWORD })
  t.strictSame(answerOf(answer), created)
  t.notOk('location' in answer.headers, 'no Location')
})

t.test('B1: a name that is taken is refused, also with spaces around it', async (t) => {
  const app = await build(t)
  await register(app, 'alice')
  for (const username of ['alice', ' alice', 'alice\u3000']) {
    t.strictSame(answerOf(await post(app, REGISTER, { username, password: PASSWORD })), invalid({ username: TAKEN }), show(username))
  }
})

t.test('B1: a name whose folded form takes more than 1024 bytes is refused, and its user of before goes on logging in', async (t) => {
  const app = await build(t)
  const tooLong = invalid({ username: ['This username takes too much space in its compatibility form.'] })
  // It folds to eighteen characters, and to 33 bytes.
  const long = '\ufdfa'.repeat(190)
  t.strictSame(answerOf(await post(app, REGISTER, { username: long, password: PASSWORD })), tooLong)
  const most = `${'\ufdfa'.repeat(31)}a`
  t.strictSame(answerOf(await post(app, REGISTER, { username: `${most}a`, password: PASSWORD })), tooLong, 'of 1025 bytes')
  t.strictSame(answerOf(await post(app, REGISTER, { username: most, password: PASSWORD })), created, 'of 1024 bytes')
  for (const username of ['\u{1f600}'.repeat(200), '\u3400'.repeat(200)]) {
    t.strictSame(
      answerOf(await post(app, REGISTER, { username, password: PASSWORD })),
      created,
      'of 200 characters that fold to themselves',
    )
  }
  await app.db.write((handle) =>
    handle
      .updateTable('users')
      .set({ username: long, username_key: fold(long) })
      .where('id', '=', 1)
      .execute(),
  )
  t.equal((await post(app, OBTAIN, { username: long, password: PASSWORD })).statusCode, 200)
})

t.test('B1: missing fields are listed, the password first', async (t) => {
  const app = await build(t)
  const both = invalid({ password: REQUIRED, username: REQUIRED })
  t.strictSame(answerOf(await post(app, REGISTER, {})), both, '{}')
  t.strictSame(answerOf(await postRaw(app, REGISTER, undefined)), both, 'no body')
  t.strictSame(answerOf(await post(app, REGISTER, { extra: 1 })), both, 'an unknown field')
  t.strictSame(answerOf(await postForm(app, REGISTER, {})), both, 'an empty form')
  t.strictSame(answerOf(await post(app, REGISTER, { password: PASSWORD })), invalid({ username: REQUIRED }), 'no username')
  t.strictSame(answerOf(await post(app, REGISTER, { username: 'alice' })), invalid({ password: REQUIRED }), 'no password')
})

t.test('B1: blank, null, non-string, NUL and lone surrogates are errors of their field', async (t) => {
  const app = await build(t, { LIMITS: 'off' })
  const usernames: [unknown, string[]][] = [
    ['', BLANK],
    ['   ', BLANK],
    ['\t\u00a0\u3000\n', BLANK],
    [null, NULL],
    ['a\0b', NUL],
    ['\0', NUL],
    ['a\ud800b', SURROGATE],
    ['\ude00', ['Surrogate characters are not allowed: U+DE00.']],
    ['\ude00\ud83d', ['Surrogate characters are not allowed: U+DE00.']],
    ['a'.repeat(201), [NAME_TOO_LONG]],
    ['😀'.repeat(201), [NAME_TOO_LONG]],
    [`${'a'.repeat(201)}\0`, [NAME_TOO_LONG, ...NUL]],
    ...NON_STRINGS.map((value): [unknown, string[]] => [value, NOT_A_STRING]),
  ]
  for (const [username, texts] of usernames) {
    t.strictSame(
      answerOf(await post(app, REGISTER, { username, password: PASSWORD })),
      invalid({ username: texts }),
      `username ${show(username)}`,
    )
  }
  const passwords: [unknown, string[]][] = [
    ['', BLANK],
    [null, NULL],
    [`${PASSWORD}\0`, NUL],
    [`${PASSWORD}\ud800`, SURROGATE],
    ...NON_STRINGS.map((value): [unknown, string[]] => [value, NOT_A_STRING]),
  ]
  for (const [password, texts] of passwords) {
    t.strictSame(
      answerOf(await post(app, REGISTER, { username: 'alice', password })),
      invalid({ password: texts }),
      `password ${show(password)}`,
    )
  }
})

t.test('B1: errors of both fields are answered together, the password first', async (t) => {
  const app = await build(t)
  const cases: [object, Record<string, string[]>][] = [
    [
      { username: null, password: '' },
      { password: BLANK, username: NULL },
    ],
    [
      { username: '', password: null },
      { password: NULL, username: BLANK },
    ],
    [
      { username: 1, password: [] },
      { password: NOT_A_STRING, username: NOT_A_STRING },
    ],
    [{ username: '\0' }, { password: REQUIRED, username: NUL }],
  ]
  for (const [body, errors] of cases) t.strictSame(answerOf(await post(app, REGISTER, body)), invalid(errors), show(body))
})

t.test('B1: a body that is no object is refused with the name of its type', async (t) => {
  const app = await build(t)
  for (const [json, text] of NON_OBJECTS) {
    t.strictSame(answerOf(await postRaw(app, REGISTER, json, 'application/json')), invalid({ non_field_errors: [text] }), json.slice(0, 20))
  }
})

t.test('B1: a name may have 200 code points, of any size in bytes', async (t) => {
  const app = await build(t)
  for (const username of ['😀'.repeat(200), 'é'.repeat(200), `  ${'b'.repeat(200)}  `, 'a  b']) {
    t.strictSame(answerOf(await post(app, REGISTER, { username, password: PASSWORD })), created, show(username))
  }
})

t.test('A7: other fields are ignored, valid or not', async (t) => {
  const app = await build(t)
  const extras = {
    id: 99,
    is_superuser: 'maybe',
    is_staff: true,
    is_active: false,
    last_login: 'yesterday',
    groups: [99],
    user_permissions: 'all',
    username_key: 'x',
    created_at: 1,
  }
  t.strictSame(answerOf(await post(app, REGISTER, { username: 'alice', password: PASSWORD, ...extras })), created)
  const user = await app.db.read.selectFrom('users').selectAll().executeTakeFirstOrThrow()
  t.match(user, { id: 1, username: 'alice', username_key: 'alice', is_active: 1, created_at: app.clock() })
  t.strictSame(answerOf(await post(app, REGISTER, { username: 'bob', password: PASSWORD, groups: [], is_active: null })), created)
})

t.test('A8: a user can register with a form', async (t) => {
  const app = await build(t)
  t.strictSame(answerOf(await postForm(app, REGISTER, { username: ' álice ', password: PASSWORD, groups: '' })), created)
  t.equal((await post(app, '/api/token/', { username: 'álice', password: PASSWORD })).statusCode, 200)
  t.strictSame(answerOf(await postForm(app, REGISTER, { username: 'bob', password: '' })), invalid({ password: BLANK }))
  const nul = 'username=b%00b&password=correct+horse+battery'
  t.strictSame(answerOf(await postRaw(app, REGISTER, nul, FORM)), invalid({ username: NUL }))
})

t.test('A10: of simultaneous registrations of one name exactly one succeeds', async (t) => {
  const app = await build(t)
  const names = ['race', 'race', 'RACE', ' race', 'Race', 'ｒace']
  const answers = await Promise.all(names.map((username) => post(app, REGISTER, { username, password: PASSWORD })))
  const refused = answers.filter((answer) => answer.statusCode !== 201)
  t.equal(refused.length, 5)
  for (const answer of refused) t.strictSame(answerOf(answer), invalid({ username: TAKEN }))
  t.equal((await app.db.read.selectFrom('users').selectAll().execute()).length, 1)
})

t.test('C: with REGISTRATION=closed every registration is 403', async (t) => {
  const app = await build(t, { REGISTRATION: 'closed' })
  const closed = problem(403, 'registration_closed', 'Registration is closed.')
  for (const body of [{ username: 'alice', password: PASSWORD }, {}, { username: '' }]) {
    t.strictSame(answerOf(await post(app, REGISTER, body)), closed, show(body))
  }
  t.strictSame(seen(await post(app, '/api/token/', {})).status, 400, 'other endpoints answer as before')
})
