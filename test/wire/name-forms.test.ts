// Not on PostgreSQL: names are brought into their forms before the database is asked.
import t, { type Test } from 'tap'
import { insertUser } from '../../db/users.ts'
import { fold } from '../../domain/text.ts'
import { build, logIn, PASSWORD, post, register, type TestApp } from '../helper.ts'
import {
  answerOf,
  authenticated,
  CONTROL,
  created,
  HEADER,
  invalid,
  LOGIN,
  noAccount,
  OBTAIN,
  REGISTER,
  show,
  TAKEN,
  wrongCredentials,
} from './wire.ts'

/** Many names are tried here, from one address. */
const UNLIMITED = { LIMITS: 'off' }

const COMPOSED = 'Jos\u00e9'
const DECOMPOSED = 'Jose\u0301'

/** Adds a user as an import does: with any name, and the password of another user. */
async function addUser(app: TestApp, username: string, passwordOf = 'alice'): Promise<void> {
  const { password } = await app.db.read.selectFrom('users').select('password').where('username', '=', passwordOf).executeTakeFirstOrThrow()
  await app.db.write((handle) => insertUser(handle, { username, username_key: fold(username), password, created_at: 0 }))
}

async function nameOf(app: TestApp, access: string): Promise<string> {
  return (await app.inject({ url: '/api/users/me/', headers: { authorization: `Bearer ${access}` } })).json().username
}

/** The name of the user who logs in with a name, at both endpoints; undefined where nobody does. */
async function whoIs(t: Test, app: TestApp, username: string): Promise<string | undefined> {
  const obtained = await post(app, OBTAIN, { username, password: PASSWORD })
  const loggedIn = await post(app, LOGIN, { username, password: PASSWORD })
  t.equal(loggedIn.statusCode, obtained.statusCode)
  if (obtained.statusCode !== 200) {
    t.strictSame(answerOf(obtained), noAccount)
    t.strictSame(answerOf(loggedIn), wrongCredentials)
    return undefined
  }
  t.equal(await nameOf(app, loggedIn.json().access), await nameOf(app, obtained.json().access))
  return nameOf(app, obtained.json().access)
}

for (const [registered, typed] of [
  [COMPOSED, DECOMPOSED],
  [DECOMPOSED, COMPOSED],
  ['한국', '한국'.normalize('NFD')],
  ['Ươ\u0302ng'.normalize('NFD'), 'Ươ\u0302ng'],
] as const) {
  t.test(`A5: who registered as ${show(registered)} logs in as ${show(typed)}, and the name is stored in NFC`, async (t) => {
    const app = await build(t, UNLIMITED)
    t.strictSame(answerOf(await post(app, REGISTER, { username: registered, password: PASSWORD })), created)
    for (const username of [registered, typed]) {
      t.equal(await whoIs(t, app, username), registered.normalize('NFC'))
      t.strictSame(answerOf(await post(app, REGISTER, { username, password: PASSWORD })), invalid({ username: TAKEN }))
    }
    const { access } = await logIn(app, typed)
    const withHeader = await post(app, HEADER, { username: typed, password: PASSWORD }, { authorization: `Bearer ${access}` })
    t.strictSame(answerOf(withHeader), authenticated)
  })
}

t.test('A5: the length of a new name is that of its NFC', async (t) => {
  const app = await build(t, UNLIMITED)
  const most = 'e\u0301'.repeat(200)
  t.strictSame(answerOf(await post(app, REGISTER, { username: most, password: PASSWORD })), created)
  t.equal(await whoIs(t, app, most), most.normalize('NFC'))
  const tooLong = invalid({ username: ['Ensure this field has no more than 200 characters.'] })
  t.strictSame(answerOf(await post(app, REGISTER, { username: `${most}a`, password: PASSWORD })), tooLong)
  // One that is longer in NFC than as it was sent.
  t.strictSame(answerOf(await post(app, REGISTER, { username: '\ufb2c'.repeat(67), password: PASSWORD })), tooLong)
})

t.test('A5: a name that was stored decomposed, or in no normal form, is found by its other forms', async (t) => {
  const app = await build(t, UNLIMITED)
  await register(app)
  // Two marks in an order that neither form has.
  const unordered = 'q\u0307\u0323'
  for (const stored of [DECOMPOSED, unordered]) {
    await addUser(app, stored)
    for (const form of [stored, stored.normalize('NFC'), stored.normalize('NFD')]) t.equal(await whoIs(t, app, form), stored, show(form))
  }
})

t.test('A5: of two users whose names are the same in NFC each logs in as the name that is exactly theirs', async (t) => {
  const app = await build(t, UNLIMITED)
  await register(app)
  await addUser(app, DECOMPOSED)
  await addUser(app, COMPOSED)
  t.equal(await whoIs(t, app, DECOMPOSED), DECOMPOSED)
  t.equal(await whoIs(t, app, COMPOSED), COMPOSED)
})

t.test('A5: a name that two users have in NFC, and nobody as it was sent, is nobody’s', async (t) => {
  const app = await build(t, UNLIMITED)
  await register(app)
  // A letter with two marks, in the three ways in which it is no composed character.
  const [first, second, third] = ['a\u0323\u0302', '\u00e2\u0323', '\u1ea1\u0302']
  await addUser(app, first)
  await addUser(app, second)
  t.equal(await whoIs(t, app, third), undefined)
  t.equal(await whoIs(t, app, '\u1ead'), undefined)
  t.equal(await whoIs(t, app, first), first)
  t.equal(await whoIs(t, app, second), second)
})

t.test('A5: names that look alike but for case and compatibility form are no forms of each other at a login', async (t) => {
  const app = await build(t, UNLIMITED)
  await register(app, 'Kelvin')
  t.equal(await whoIs(t, app, 'kelvin'), undefined)
  t.equal(await whoIs(t, app, 'Ｋelvin'), undefined)
  t.equal(await whoIs(t, app, 'Kel\u200bvin'), undefined)
  t.equal(await whoIs(t, app, '\u212aelvin'), 'Kelvin', 'the Kelvin sign is a letter K in NFC')
})

/** Of every block of Default_Ignorable_Code_Point one at least. */
const INVISIBLE = [
  ...'\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180e\u200b\u200c\u200d\u2060\u2062\u2065\u206a\u3164\ufe00\ufe0f\ufeff\uffa0\ufff0',
  ...'\u{1bca0}\u{1d173}\u{e0001}\u{e0020}\u{e0100}\u{e01ef}\u{e0fff}',
]

t.test('A5: a name that differs from another by invisible characters alone is taken', async (t) => {
  const app = await build(t, UNLIMITED)
  await register(app, 'alice')
  for (const invisible of INVISIBLE.filter((character) => !/\p{Bidi_Control}/u.test(character))) {
    for (const username of [`al${invisible}ice`, `${invisible}alice${invisible}${invisible}`, `ALICE${invisible}`]) {
      t.strictSame(answerOf(await post(app, REGISTER, { username, password: PASSWORD })), invalid({ username: TAKEN }), show(username))
    }
  }
  await register(app, 'b\u200dob')
  for (const username of ['bob', 'bo\u00adb']) {
    t.strictSame(answerOf(await post(app, REGISTER, { username, password: PASSWORD })), invalid({ username: TAKEN }), show(username))
  }
  t.equal(await whoIs(t, app, 'b\u200dob'), 'b\u200dob', 'stored and compared as it was sent')
})

t.test('A5: a new name that turns the direction of writing, or with separators of lines, is refused, and only there', async (t) => {
  const app = await build(t, UNLIMITED)
  await register(app)
  for (const control of '\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufff9\ufffa\ufffb') {
    const username = `bo${control}b`
    const title = encodeURIComponent(username)
    t.strictSame(answerOf(await post(app, REGISTER, { username, password: PASSWORD })), invalid({ username: CONTROL }), title)
    t.equal(await whoIs(t, app, username), undefined, `${title} is a wrong name at a login`)
    await addUser(app, username)
    t.equal(await whoIs(t, app, username), username, `${title} of another system logs in`)
  }
})

t.test('A5: a new name of which nothing is seen is refused, and only there', async (t) => {
  const app = await build(t, UNLIMITED)
  await register(app)
  for (const username of [...INVISIBLE, '\u2800', '\u{1d159}', '\ufff9\ufffb', '\u200b\u2003\u200b', '\u3164\u2800']) {
    t.strictSame(answerOf(await post(app, REGISTER, { username, password: PASSWORD })), invalid({ username: CONTROL }), show(username))
    await addUser(app, username)
    t.equal(await whoIs(t, app, username), username, `${show(username)} of another system logs in`)
  }
  for (const username of ['\u0301', '\ue000', '\u{1f441}\ufe0f', 'ا\u200cب']) {
    t.strictSame(answerOf(await post(app, REGISTER, { username, password: PASSWORD })), created, `${show(username)} is seen`)
  }
})
