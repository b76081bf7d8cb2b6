import t from 'tap'
import { build, logIn, PASSWORD, post, register } from '../helper.ts'
import {
  answerOf,
  CONTROL,
  created,
  HEADER,
  invalid,
  LOGIN,
  NUL,
  noAccount,
  OBTAIN,
  REGISTER,
  show,
  TAKEN,
  wrongCredentials,
} from './wire.ts'

/** What Python's `str.strip` takes off. */
const WHITE_SPACE = [
  ...'\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
]

t.test('A5: every endpoint trims a username of all that Python calls white space', async (t) => {
  const app = await build(t)
  for (const [index, space] of WHITE_SPACE.entries()) {
    const username = `user${index}`
    const padded = `${space}${username}${space}${space}`
    const name = `U+${space.charCodeAt(0).toString(16)}`
    t.strictSame(answerOf(await post(app, REGISTER, { username: padded, password: PASSWORD })), created, `${name} on register`)
    t.equal((await post(app, LOGIN, { username: padded, password: PASSWORD })).statusCode, 200, `${name} on login`)
    t.equal((await post(app, OBTAIN, { username: padded, password: PASSWORD })).statusCode, 200, `${name} on obtain`)
    const stored = await app.db.read
      .selectFrom('users')
      .select('username')
      .where('id', '=', index + 1)
      .executeTakeFirst()
    t.equal(stored?.username, username, `${name} is not stored`)
  }
  const { access } = await logIn(app, 'user0')
  const withHeader = await post(app, HEADER, { username: ' user0\t', password: PASSWORD }, { authorization: `Bearer ${access}` })
  t.equal(withHeader.statusCode, 200, 'header-auth')
})

t.test('A5: white space that Python does not strip stays at the ends of a name, and nobody has it', async (t) => {
  const app = await build(t)
  await register(app, 'alice')
  for (const space of ['\u200b', '\ufeff', '\u2060', '\u180e']) {
    const username = `${space}alice`
    t.strictSame(answerOf(await post(app, LOGIN, { username, password: PASSWORD })), wrongCredentials, show(username))
  }
})

t.test('A5: control characters in a name are refused as NUL is', async (t) => {
  const app = await build(t)
  for (const control of ['\x01', '\t', '\n', '\r', '\x1b', '\x1f', '\x7f', '\x80', '\x85', '\x9f']) {
    const username = `a${control}b`
    t.strictSame(
      answerOf(await post(app, REGISTER, { username, password: PASSWORD })),
      invalid({ username: CONTROL }),
      `register ${show(username)}`,
    )
    t.strictSame(
      answerOf(await post(app, OBTAIN, { username, password: PASSWORD })),
      invalid({ username: CONTROL }),
      `obtain ${show(username)}`,
    )
    t.strictSame(answerOf(await post(app, LOGIN, { username, password: PASSWORD })), wrongCredentials, `login ${show(username)}`)
  }
  t.strictSame(
    answerOf(await post(app, REGISTER, { username: 'a\0b', password: PASSWORD })),
    invalid({ username: NUL }),
    'NUL alone has its own text',
  )
  t.strictSame(
    answerOf(await post(app, REGISTER, { username: 'a b\u200dc', password: PASSWORD })),
    created,
    'others are no control characters',
  )
})

t.test('A5: a name that differs only by case or compatibility form is taken, and only the stored one logs in', async (t) => {
  const cases: [stored: string, others: string[]][] = [
    ['alice', ['Alice', 'ALICE', 'ａlice', 'ⓐlice', 'aliⅽe']],
    ['straße', ['STRASSE', 'Strasse', 'strasse', 'STRAẞE']],
    ['caf\u00e9', ['CAF\u00c9', 'CAFE\u0301']],
    ['ﬁsh & chips', ['fish & chips', 'FISH & CHIPS']],
    ['ΟΔΟΣ', ['οδος', 'οδοσ']],
    ['\u0390ota', ['\u03aa\u0301OTA', '\u03b9\u0308\u0301OTA']],
  ]
  const app = await build(t)
  for (const [username, others] of cases) {
    t.strictSame(answerOf(await post(app, REGISTER, { username, password: PASSWORD })), created, username)
    for (const other of others) {
      t.strictSame(
        answerOf(await post(app, REGISTER, { username: other, password: PASSWORD })),
        invalid({ username: TAKEN }),
        `${other} is taken`,
      )
      t.strictSame(answerOf(await post(app, LOGIN, { username: other, password: PASSWORD })), wrongCredentials, `${other} cannot log in`)
      t.strictSame(answerOf(await post(app, OBTAIN, { username: other, password: PASSWORD })), noAccount, `${other} obtains nothing`)
    }
    t.equal((await post(app, LOGIN, { username, password: PASSWORD })).statusCode, 200, `${username} logs in`)
  }
  t.strictSame(answerOf(await post(app, REGISTER, { username: 'cafe', password: PASSWORD })), created, 'an accent makes another name')
})
