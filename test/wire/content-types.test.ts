import { Readable } from 'node:stream'
import t from 'tap'
import { build, PASSWORD, post } from '../helper.ts'
import { appWithUser, EMPTY, JSON_TYPE } from './bodies.ts'
import { answerOf, created, ENDPOINTS, FORM, postRaw, problem, REGISTER } from './wire.ts'

const LIMIT_BYTES = 16 * 1024

const tooLarge = problem(413, 'payload_too_large', 'The body is larger than 16 KiB.')
const unsupported = (type: string) => problem(415, 'unsupported_media_type', `Unsupported media type "${type}" in request.`)

t.test('B0: an empty body counts as an empty object under every content type', async (t) => {
  const { app, bearer } = await appWithUser(t)
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
  const { app, bearer } = await appWithUser(t)
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

t.test('A9: a body of 16 KiB is read, and one byte more is 413', async (t) => {
  const { app, bearer } = await appWithUser(t)
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
