// Not on PostgreSQL: it is about HTTP, before the database is asked.
import t from 'tap'
import { build, PASSWORD } from '../helper.ts'
import { appWithUser, EMPTY, JSON_TYPE } from './bodies.ts'
import { answerOf, ENDPOINTS, FORM, invalid, NOT_A_STRING, OBTAIN, postRaw, problem, REQUIRED, VERIFY } from './wire.ts'

/** A text that no answer may repeat. */
const SECRET = 'hunter2'

t.test('A26, A2: a body that does not parse is refused with a text that repeats no part of it', async (t) => {
  const { app, bearer } = await appWithUser(t)
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
  const { app, bearer } = await appWithUser(t)
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
  const { app } = await appWithUser(t)
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
  const { app, bearer } = await appWithUser(t)
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
