import { Readable } from 'node:stream'
import t from 'tap'
import { build, logIn, PASSWORD, post, register, type TestApp } from '../helper.ts'
import {
  type Answer,
  answerOf,
  authenticated,
  created,
  credentialsRequired,
  ENDPOINTS,
  FORM,
  HEADER,
  invalid,
  LOGIN,
  NOT_A_STRING,
  OBTAIN,
  postRaw,
  problem,
  REFRESH,
  REFRESH_AND_VERIFY,
  REGISTER,
  REQUIRED,
  refreshRequired,
  VERIFY,
} from './wire.ts'

const JSON_TYPE = 'application/json'
/** What must never be in an answer. */
const SECRET = 'hunter2'
const LIMIT_BYTES = 16 * 1024

const tooLarge = problem(413, 'payload_too_large', 'The body is larger than 16 KiB.')
const unsupported = (type: string) => problem(415, 'unsupported_media_type', `Unsupported media type "${type}" in request.`)

/** What each endpoint answers to an empty body; header-auth with a good token. */
const EMPTY: readonly (readonly [url: string, answer: Answer])[] = [
  [REGISTER, invalid({ password: REQUIRED, username: REQUIRED })],
  [LOGIN, credentialsRequired],
  [OBTAIN, invalid({ username: REQUIRED, password: REQUIRED })],
  [REFRESH, invalid({ refresh: REQUIRED })],
  [VERIFY, invalid({ token: REQUIRED })],
  [REFRESH_AND_VERIFY, refreshRequired],
  [HEADER, authenticated],
]

/** An app with a user, and the headers that let a request to header-auth through to its body. */
async function world(t: Parameters<typeof build>[0]): Promise<{ app: TestApp; bearer: Record<string, string> }> {
  const app = await build(t)
  await register(app)
  const { access } = await logIn(app)
  return { app, bearer: { authorization: `Bearer ${access}` } }
}

t.test('B0: an empty body counts as an empty object under every content type', async (t) => {
  const { app, bearer } = await world(t)
  const types = [
    undefined,
    JSON_TYPE,
    FORM,
    'text/plain',
    'multipart/form-data; boundary=x',
    `${JSON_TYPE}; charset=latin-1`,
    'nonsense',
    'image/png',
  ]
  for (const [url, answer] of EMPTY) {
    for (const type of types) {
      t.strictSame(answerOf(await postRaw(app, url, '', type, bearer)), answer, `${url} ${type}`)
      t.strictSame(answerOf(await postRaw(app, url, undefined, type, bearer)), answer, `${url} ${type}, no body`)
    }
  }
})

t.test('B0, A8: a content type other than JSON or a form is 415, and so is a charset other than UTF-8', async (t) => {
  const { app, bearer } = await world(t)
  const types = [
    'text/plain',
    'text/json',
    'text/html; charset=utf-8',
    'multipart/form-data; boundary=x',
    'Multipart/Form-Data; boundary="x"',
    'application/jsonp',
    'application/problem+json',
    'application/xml',
    'application/octet-stream',
    'nonsense',
    '*/*',
    'application/json; charset=latin-1',
    'application/json; charset=utf-16',
    'application/json;charset="iso-8859-1"',
    'application/x-www-form-urlencoded; charset=windows-1252',
  ]
  for (const url of ENDPOINTS) {
    for (const type of types) t.strictSame(answerOf(await postRaw(app, url, '{"a":1}', type, bearer)), unsupported(type), `${url} ${type}`)
    t.strictSame(answerOf(await postRaw(app, url, '{"a":1}', undefined, bearer)), unsupported(''), `${url} without a type`)
  }
})

t.test('B0: the media type is accepted in upper and lower case, and with UTF-8 as its charset', async (t) => {
  const app = await build(t)
  const types = [
    'APPLICATION/JSON',
    'Application/Json; Charset=UTF-8',
    'application/json;charset=utf-8',
    'application/json; charset="utf-8"',
    'application/json ; charset=utf-8',
    'application/json; charset=utf8',
    'application/json; version=1',
  ]
  for (const [index, type] of types.entries()) {
    const body = JSON.stringify({ username: `user${index}`, password: PASSWORD })
    t.strictSame(answerOf(await postRaw(app, REGISTER, body, type)), created, type)
  }
  for (const [index, type] of ['Application/X-WWW-Form-URLEncoded', `${FORM}; charset=UTF-8`].entries()) {
    t.strictSame(answerOf(await postRaw(app, REGISTER, `username=form${index}&password=correct+horse+battery`, type)), created, type)
  }
})

t.test('A26, A2: a body that does not parse is refused with a text that repeats no part of it', async (t) => {
  const { app, bearer } = await world(t)
  const bodies: [name: string, body: string | Buffer][] = [
    ['an open brace', '{'],
    ['a word', SECRET],
    ['a name without quotes', `{${SECRET}: 1}`],
    ['single quotes', `{'password': '${SECRET}'}`],
    ['an open string', `{"password": "${SECRET}`],
    ['a trailing comma', `{"password": "${SECRET}",}`],
    ['more after the end', `{"password": "${SECRET}"} x`],
    ['two documents', `{"password": "${SECRET}"}{}`],
    ['a comment', `{"password": "${SECRET}"} // x`],
    ['white space', '   '],
    ['NaN', `{"password": "${SECRET}", "a": NaN}`],
    ['Infinity', '{"a": Infinity}'],
    ['a number with a leading zero', '{"a": 01}'],
    ['a raw line break in a string', `{"password": "${SECRET}\n"}`],
    ['a raw NUL', `{"password": "${SECRET}\0"}`],
    ['an unknown escape', `{"password": "${SECRET}\\x"}`],
    ['bad UTF-8', Buffer.concat([Buffer.from(`{"password":"${SECRET}`), Buffer.from([0xff]), Buffer.from('"}')])],
    ['an overlong form', Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')])],
    ['a surrogate in UTF-8', Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')])],
    ['a cut character', Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xf0, 0x9f])])],
    ['a byte order mark', `\ufeff{"password": "${SECRET}"}`],
    ['UTF-16', Buffer.from(`{"password": "${SECRET}"}`, 'utf16le')],
    ['5000 open lists', '['.repeat(5000)],
    ['5000 open objects', '{"":'.repeat(4000)],
    ['a form under the name of JSON', `username=alice&password=${SECRET}`],
  ]
  for (const url of ENDPOINTS) {
    for (const [name, body] of bodies) {
      const answer = await postRaw(app, url, body, JSON_TYPE, bearer)
      const { detail } = answer.json()
      t.strictSame(answerOf(answer), problem(400, 'parse_error', detail), `${url} ${name}`)
      t.match(detail, /^JSON parse error - ./, `${url} ${name} begins as it always did`)
      t.notOk(answer.body.includes(SECRET), `${url} ${name} repeats no part of the body`)
    }
  }
})

t.test('C: a form that is not UTF-8 is a parse error', async (t) => {
  const { app, bearer } = await world(t)
  const bodies = [`password=${SECRET}%ff`, 'a=%ed%a0%80', Buffer.concat([Buffer.from(`password=${SECRET}`), Buffer.from([0xff])])]
  for (const url of ENDPOINTS) {
    for (const body of bodies) {
      const answer = await postRaw(app, url, body, FORM, bearer)
      t.strictSame(answerOf(answer), problem(400, 'parse_error', answer.json().detail), `${url} ${body}`)
      t.notOk(answer.body.includes(SECRET))
    }
  }
})

t.test('A26: of a member that is given twice the last value counts', async (t) => {
  const { app } = await world(t)
  const wins: [body: string, type: string][] = [
    [`{"username":"x","password":"x","username":"alice","password":"${PASSWORD}"}`, JSON_TYPE],
    [`{"username":5,"password":"${PASSWORD}","\\u0075sername":"alice"}`, JSON_TYPE],
    ['username=x&password=x&username=alice&password=correct+horse+battery', FORM],
    ['username=&username=alice&password=correct%20horse%20battery', FORM],
  ]
  for (const [body, type] of wins) t.equal((await postRaw(app, OBTAIN, body, type)).statusCode, 200, body)
  const loses = `{"username":"alice","password":"${PASSWORD}","username":5}`
  t.strictSame(answerOf(await postRaw(app, OBTAIN, loses, JSON_TYPE)), invalid({ username: NOT_A_STRING }))
})

t.test('A26: a member __proto__ is dropped, and a member constructor is read as any other', async (t) => {
  const { app, bearer } = await world(t)
  const inner = JSON.stringify({ username: 'alice', password: PASSWORD, refresh: 'x', token: 'x' })
  const bodies: [body: string, type: string][] = [
    [`{"__proto__":${inner}}`, JSON_TYPE],
    [`{"\\u005f_proto_\\u005f":${inner}}`, JSON_TYPE],
    [`{"__proto__":null}`, JSON_TYPE],
    [`{"__proto__":{"__proto__":${inner}}}`, JSON_TYPE],
    [`{"other":[{"__proto__":${inner}}]}`, JSON_TYPE],
    [`{"constructor":{"prototype":${inner}}}`, JSON_TYPE],
    ['__proto__=x&constructor=y&__proto__[username]=alice', FORM],
  ]
  for (const [url, answer] of EMPTY) {
    for (const [body, type] of bodies)
      t.strictSame(answerOf(await postRaw(app, url, body, type, bearer)), answer, `${url} ${body.slice(0, 40)}`)
  }
  t.equal(Object.hasOwn(Object.prototype, 'username'), false)
  const beside = `{"__proto__":{"username":"x"},"username":"alice","password":"${PASSWORD}","constructor":1,"toString":2}`
  t.equal((await postRaw(app, OBTAIN, beside, JSON_TYPE)).statusCode, 200)
})

t.test('A3: a value nested 5000 levels deep is refused with 400', async (t) => {
  const app = await build(t)
  const deep = `${'['.repeat(5000)}1${']'.repeat(5000)}`
  t.strictSame(answerOf(await postRaw(app, VERIFY, `{"token":${deep}}`, JSON_TYPE)), invalid({ token: NOT_A_STRING }))
  const objects = `${'{"":'.repeat(3000)}1${'}'.repeat(3000)}`
  t.strictSame(answerOf(await postRaw(app, VERIFY, `{"token":${objects}}`, JSON_TYPE)), invalid({ token: NOT_A_STRING }))
  t.strictSame(answerOf(await postRaw(app, VERIFY, `{"__proto__":${deep}}`, JSON_TYPE)), invalid({ token: REQUIRED }))
})

t.test('A9: a body of 16 KiB is read, and one byte more is 413', async (t) => {
  const { app, bearer } = await world(t)
  const json = (bytes: number) => `{"other":"${'é'.repeat((bytes - 12) / 2)}"}`
  for (const [url, answer] of EMPTY) {
    t.equal(Buffer.byteLength(json(LIMIT_BYTES)), LIMIT_BYTES)
    t.strictSame(answerOf(await postRaw(app, url, json(LIMIT_BYTES), JSON_TYPE, bearer)), answer, `${url} 16 KiB`)
    t.strictSame(answerOf(await postRaw(app, url, `${json(LIMIT_BYTES)} `, JSON_TYPE, bearer)), tooLarge, `${url} a byte more`)
    t.strictSame(answerOf(await postRaw(app, url, json(1024 * 1024), JSON_TYPE, bearer)), tooLarge, `${url} 1 MiB`)
    t.strictSame(answerOf(await postRaw(app, url, `a=${'x'.repeat(LIMIT_BYTES)}`, FORM, bearer)), tooLarge, `${url} a form`)
    t.strictSame(answerOf(await post(app, url, { password: 'x'.repeat(1_000_000) }, bearer)), tooLarge, `${url} 1 MB of password`)
  }
})

t.test('B0: a chunked body is read as one with a Content-Length', async (t) => {
  const app = await build(t)
  const chunked = (text: string) =>
    app.inject({
      method: 'POST',
      url: REGISTER,
      headers: { 'content-type': JSON_TYPE },
      payload: Readable.from([text.slice(0, 9), text.slice(9)]),
    })
  t.strictSame(answerOf(await chunked(JSON.stringify({ username: 'alice', password: PASSWORD }))), created)
  t.strictSame(answerOf(await chunked(`{"other":"${'x'.repeat(LIMIT_BYTES)}"}`)), tooLarge)
})
