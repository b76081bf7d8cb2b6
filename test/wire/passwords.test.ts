// Not on PostgreSQL: it is about passwords, before they are stored.
import t from 'tap'
import { commonPasswords } from '../../domain/passwords/common.ts'
import { fold } from '../../domain/text.ts'
import { build, logIn, post, register } from '../helper.ts'
import {
  answerOf,
  created,
  HEADER,
  invalid,
  LOGIN,
  NUL,
  noAccount,
  OBTAIN,
  REGISTER,
  REQUIRED,
  show,
  TAKEN,
  wrongCredentials,
} from './wire.ts'

const TOO_SHORT = 'This password is too short. It must contain at least 8 characters.'
const TOO_COMMON = 'This password is too common.'
const NUMERIC = 'This password is entirely numeric.'
const SIMILAR = 'The password is too similar to the username.'
const TOO_LONG = 'Ensure this field has no more than 1024 characters.'
const GOOD = 'correct horse battery'
const LONGEST = GOOD.padEnd(1024, 'kW!7')
const HEAVIEST = `${'😀🐎🔋😡🌍🎸🍕'.repeat(18)}${'😀'.repeat(898)}`

t.test('A6: a weak password is refused for every reason that applies', async (t) => {
  const cases: [username: string, password: string, texts: string[]][] = [
    ['alice', 'k7$wQz!', [TOO_SHORT]],
    ['alice', '😀😀😀😀😀😀😀', [TOO_SHORT, TOO_COMMON]],
    ['alice', '       ', [TOO_SHORT, TOO_COMMON]],
    ['alice', 'password', [TOO_COMMON]],
    ['alice', 'PassWord1', [TOO_COMMON]],
    ['alice', 'BASEBALL', [TOO_COMMON]],
    ['alice', '20260101', [NUMERIC]],
    ['alice', '31121999', [NUMERIC]],
    ['alice', '١٢٣٤٥٦٧٨', [NUMERIC]],
    ['alice', '٧٧٧٧٧٧٧٧٧٧', [NUMERIC]],
    ['alice', '12345678', [TOO_COMMON, NUMERIC]],
    ['alice', '123456', [TOO_SHORT, TOO_COMMON, NUMERIC]],
    ['alice', 'alice in wonderland', [SIMILAR]],
    ['alice', 'xx-ALICE-xx', [SIMILAR]],
    ['  alice ', 'xx-alice-xx', [SIMILAR]],
    ['a long and winding name', 'AND WINDING', [SIMILAR]],
    ['straße99', 'my STRASSE99 is long', [SIMILAR]],
    ['ädam', 'ÄDAM and eve', [SIMILAR]],
    ['😀😀😀😀', '😀😀😀😀 smile', [SIMILAR]],
    ['a long and winding name', 'winding', [TOO_SHORT, SIMILAR]],
    ['alice', 'kW!'.repeat(342), [TOO_LONG]],
    ['alice', `${'😀k'.repeat(512)}z`, [TOO_LONG]],
  ]
  const app = await build(t)
  for (const [username, password, texts] of cases) {
    t.strictSame(
      answerOf(await post(app, REGISTER, { username, password })),
      invalid({ password: texts }),
      `${username} / ${show(password)}`,
    )
  }
})

t.test('A6: to no password is a name similar of which fewer than four characters are seen', async (t) => {
  const app = await build(t)
  for (const username of ['a\u200d\u200d\u200d', 'q\u2060u\u2060i']) {
    t.strictSame(answerOf(await post(app, REGISTER, { username, password: 'a quiet green valley' })), created, show(username))
  }
})

t.test('A6: what is guessed in under 100 000 tries is too common', async (t) => {
  const cases: [kind: string, passwords: string[]][] = [
    ['one character again and again', ['aaaaaaaa', '        ', 'яяяяяяяя', '😀😀😀😀😀😀😀😀', '!'.repeat(1024)]],
    ['a few of them', ['abababab', 'aAaAaAaA', 'xyzxyzxyz', '12ab12ab12ab', 'Passw0rdPassw0rd']],
    ['sequences', ['abcdefgh', 'ABCDefgh', 'hgfedcba', 'абвгдежз']],
    ['walks on a keyboard', ['qwertyui', 'QwErTyUi', 'zaq12wsx', 'qazwsxedc', 'ｑｗｅｒｔｙｕｉ']],
    [
      'common ones in l33t, backwards, or with a little more',
      ['passw0rd!', 'P@$$w0rd', 'd4rthv4der', 'drowssap', 'monkey123', 'Trustno1!'],
    ],
    ['dates and years', ['summer2026', 'SUMMER2026', 'Winter2025', '1.1.2026', '24-12-1999']],
  ]
  const app = await build(t)
  for (const [kind, passwords] of cases) {
    for (const password of passwords) {
      const answer = answerOf(await post(app, REGISTER, { username: 'bob', password }))
      t.strictSame(answer, invalid({ password: [TOO_COMMON] }), `${kind}: ${show(password)}`)
    }
  }
})

t.test('A6: digits are refused only when they are guessed in under 100 000 tries', async (t) => {
  const app = await build(t)
  const refused = answerOf(await post(app, REGISTER, { username: 'bob', password: '12341234' }))
  t.match(refused.body, { password: [NUMERIC] })
  for (const [index, password] of ['83920175640123', '٣١٤١٥٩٢٦٥٣٥٨', '70461823'].entries()) {
    t.strictSame(answerOf(await post(app, REGISTER, { username: `user${index}`, password })), created, password)
  }
})

t.test('A6: the first 128 characters alone are judged', async (t) => {
  const app = await build(t)
  const good = 'k7$wQz!x'
  const common = answerOf(await post(app, REGISTER, { username: 'bob', password: `${'😀'.repeat(128)}${good}` }))
  t.strictSame(common, invalid({ password: [TOO_COMMON] }))
  t.strictSame(answerOf(await post(app, REGISTER, { username: 'bob', password: `${'😀'.repeat(120)}${good}` })), created)
})

t.test('A6: the names of the service, with digits and punctuation around them, are common passwords', async (t) => {
  const cases: [publicUrl: string, common: string[], fine: string[]][] = [
    [
      'https://auth.my-shop.example:8443',
      [
        ...[
          'latchkey',
          'Latchkey1',
          '!!LATCHKEY 2026!!',
          'latchkey-latchkey',
          'ｌatchkey99',
          'auth.my-shop.example',
          'Auth.My-Shop.Example',
        ],
        ...['my-shop.example', 'my-shop99', 'shop2026!', 'example.example', 'latchkey@shop', '-my-shop-auth-'],
      ],
      ['latchkeys', 'latch key', 'my-shop is fine', 'shopkeeper', 'an example', '10-20-30-40'],
    ],
    ['https://shop.workshop.example', ['workshop99'], ['shop at work']],
    ['http://localhost:3000', ['localhost', 'localhost:3000', 'LocalHost!'], ['localhosts', 'auth.my-shop.example']],
    ['https://xn--mnchen-3ya.example', ['münchen1', 'MÜNCHEN.example'], ['münchner 1']],
    ['http://127.0.0.1:3000', ['latchkey'], ['127.0.0.1', '!1-2-7-0!']],
    ['http://[::1]:3000', ['latchkey'], ['[::1]:3000', '!1-2-7-0!']],
  ]
  for (const [publicUrl, common, fine] of cases) {
    const app = await build(t, { PUBLIC_URL: publicUrl })
    for (const password of common) {
      const answer = answerOf(await post(app, REGISTER, { username: 'bob', password }))
      t.strictSame(answer, invalid({ password: [TOO_COMMON] }), `${publicUrl}: ${password}`)
    }
    for (const [index, password] of fine.entries()) {
      t.strictSame(answerOf(await post(app, REGISTER, { username: `user${index}`, password })), created, `${publicUrl}: ${password}`)
    }
  }
})

t.test('A6: errors of the password policy are answered together with those of the name', async (t) => {
  const app = await build(t)
  await register(app, 'alice')
  const cases: [object, Record<string, string[]>][] = [
    [{ password: 'k7$wQz!' }, { password: [TOO_SHORT], username: REQUIRED }],
    [
      { username: 'alice', password: 'k7$wQz!' },
      { password: [TOO_SHORT], username: TAKEN },
    ],
    [
      { username: 'alice', password: 'dear alice' },
      { password: [SIMILAR], username: TAKEN },
    ],
    [
      { username: 'b\0b', password: '20260101' },
      { password: [NUMERIC], username: NUL },
    ],
  ]
  for (const [body, errors] of cases) t.strictSame(answerOf(await post(app, REGISTER, body)), invalid(errors), show(body))
})

t.test('A6: a good password is stored and compared unchanged', async (t) => {
  const cases: [username: string, password: string, others: string[]][] = [
    ['testuser', 'securepassword', ['Securepassword', ' securepassword', 'securepassword ']],
    ['padded', '  secret phrase  ', ['secret phrase', ' secret phrase ']],
    ['blank', ' \u3000\u00a0 \t \u2003\u2009\n', [' \u3000\u00a0 \t \u2003\u2009', ' \u3000\u00a0 \t \u2003\u2009 ']],
    ['bob', 'xbobxbobx', []],
    ['eight', '😀🐎🔋😡🌍🎸🍕k', []],
    ['camel', 'SecurePassword', ['securepassword']],
    ['cyrillic', 'верная лошадь', ['верная лошадЬ']],
    ['japanese', '正しい馬電池ホチキス', []],
    ['hostile', '__proto__constructor', []],
    ['tabs', 'tab\tand\nline', ['tab and line']],
    ['nfc', 'caf\u00e9 au lait', ['caf\u00e9 au lait\u0301']],
    ['longest', LONGEST, [LONGEST.slice(1), `${LONGEST}k`]],
    ['heaviest', HEAVIEST, [HEAVIEST.slice(2), `${HEAVIEST}😀`]],
  ]
  const app = await build(t)
  for (const [username, password, others] of cases) {
    t.strictSame(answerOf(await post(app, REGISTER, { username, password })), created, `${username} registers`)
    t.equal((await post(app, LOGIN, { username, password })).statusCode, 200, `${username} logs in`)
    t.equal((await post(app, OBTAIN, { username, password })).statusCode, 200, `${username} obtains`)
    for (const other of others) {
      t.strictSame(
        answerOf(await post(app, LOGIN, { username, password: other })),
        wrongCredentials,
        `${username}: ${show(other)} on login`,
      )
      t.strictSame(answerOf(await post(app, OBTAIN, { username, password: other })), noAccount, `${username}: ${show(other)} on obtain`)
    }
  }
})

t.test('A6: a password that is too long is refused before it is hashed', async (t) => {
  const app = await build(t)
  await register(app)
  const { access } = await logIn(app)
  let hashed = 0
  app.hashing.matches = async () => {
    hashed++
    return true
  }
  const body = { username: 'alice', password: 'k'.repeat(1025) }
  t.strictSame(answerOf(await post(app, LOGIN, body)), wrongCredentials, 'login')
  t.strictSame(answerOf(await post(app, OBTAIN, body)), noAccount, 'obtain')
  t.strictSame(answerOf(await post(app, HEADER, body, { authorization: `Bearer ${access}` })), wrongCredentials, 'header-auth')
  t.equal(hashed, 0)
})

t.test('A6: the list of common passwords has at least 10 000 entries, all case-folded', async (t) => {
  const passwords = JSON.parse(await commonPasswords())
  t.ok(passwords.length >= 10_000)
  t.same(
    passwords.filter((password: string) => fold(password) !== password),
    [],
  )
})
