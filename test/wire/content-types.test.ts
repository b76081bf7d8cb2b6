// Not on PostgreSQL: it is about HTTP, before the database is asked.
import { Readable } from 'node:stream'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import { build, PASSWORD, post, register } from '../helper.ts'
import { appWithUser, EMPTY, JSON_TYPE } from './bodies.ts'
import { answerOf, created, ENDPOINTS, FORM, INTROSPECT, OBTAIN, postRaw, problem, REGISTER } from './wire.ts'

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

t.test('B0, A8, A33: a content type other than JSON or a form is 415, and so is another charset', async (t) => {
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
    'application/json; charset=iso-8859-15',
    'application/json; charset=utf-7',
    'application/json; charset=',
    'application/json; charset="utf-16le"',
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

/** As clients send them: some name one of these charsets whatever the body is. */
const ASCII_CHARSETS = [
  ...['ISO-8859-1', '"iso-8859-1"', 'ISO_8859-1:1987', 'ISO8859-1', 'Latin1', 'l1', 'cp819'],
  ...['US-ASCII', 'us-ascii', 'ascii', 'ANSI_X3.4-1968', 'ISO646-US'],
]

t.test('A33: a body of ASCII bytes is read under ISO-8859-1 and US-ASCII, as JSON and as a form', async (t) => {
  const { app, bearer } = await appWithUser(t)
  for (const charset of ASCII_CHARSETS) {
    const json = `{"username":"alice","password":"correct \\u0068orse battery"}`
    t.equal((await postRaw(app, OBTAIN, json, `${JSON_TYPE}; charset=${charset}`)).statusCode, 200, charset)
    const form = 'username=alice&password=correct+%68orse+battery'
    t.equal((await postRaw(app, OBTAIN, form, `${FORM}; charset=${charset}`)).statusCode, 200, `${charset}, form`)
    for (const [url, answer] of EMPTY) {
      t.strictSame(answerOf(await postRaw(app, url, '{"a":1}', `${JSON_TYPE};charset=${charset}`, bearer)), answer, `${url} ${charset}`)
    }
  }
})

t.test('A33: the escapes of a form are UTF-8, whatever charset is named', async (t) => {
  const app = await build(t)
  await register(app, 'zoë')
  const form = 'username=zo%C3%AB&password=correct+horse+battery'
  t.equal((await postRaw(app, OBTAIN, form, `${FORM}; charset=ISO-8859-1`)).statusCode, 200)
  const latin = await postRaw(app, OBTAIN, 'username=zo%EB&password=correct+horse+battery', `${FORM}; charset=ISO-8859-1`)
  t.strictSame(answerOf(latin), problem(400, 'parse_error', 'Form parse error - the form is not valid UTF-8.'))
})

t.test('A33: a body with other bytes is 415 under ISO-8859-1 and US-ASCII, whatever they mean', async (t) => {
  const { app, bearer } = await appWithUser(t)
  for (const body of [Buffer.from('{"a":"é"}', 'latin1'), Buffer.from('{"a":"é"}'), Buffer.from('\ufeff{}'), Buffer.from([0x80])]) {
    for (const type of [JSON_TYPE, FORM].flatMap((type) => ASCII_CHARSETS.map((charset) => `${type}; charset=${charset}`))) {
      t.strictSame(answerOf(await postRaw(app, OBTAIN, body, type)), unsupported(type), type)
    }
    for (const url of ENDPOINTS) {
      const type = `${JSON_TYPE}; charset=ISO-8859-1`
      t.strictSame(answerOf(await postRaw(app, url, body, type, bearer)), unsupported(type), url)
    }
  }
})

const compressed = (header: string) =>
  problem(415, 'unsupported_media_type', `The body is compressed, as the header "${header}" says: send it as it is.`)
const COMPRESSED: readonly (readonly [coding: string, compress: (body: string) => Buffer])[] = [
  ['gzip', gzipSync],
  ['GZIP', gzipSync],
  ['x-gzip', gzipSync],
  ['br', brotliCompressSync],
  ['deflate', deflateSync],
  ['zstd', zstdCompressSync],
  ['deflate, gzip', (body) => gzipSync(deflateSync(body))],
  ['identity, gzip', gzipSync],
  ['unknown', Buffer.from],
]

t.test('A33: a compressed body is 415, and the answer names the header and says what is taken (RFC 9110 §15.5.16)', async (t) => {
  const { app, bearer } = await appWithUser(t)
  for (const [coding, compress] of COMPRESSED) {
    for (const url of [...ENDPOINTS, INTROSPECT, '/api/token/revoke/', '/api/users/me/password/']) {
      for (const type of [JSON_TYPE, FORM, `${JSON_TYPE}; charset=ISO-8859-1`, 'text/plain', undefined]) {
        const answer = await postRaw(app, url, compress('{"a":1}'), type, { 'content-encoding': coding, ...bearer })
        t.strictSame(answerOf(answer), compressed(`Content-Encoding: ${coding}`), `${url} ${coding} ${type}`)
        t.equal(answer.headers['accept-encoding'], 'identity', `${url} ${coding} ${type}`)
      }
    }
  }
})

t.test('A33: a body that is compressed for its transfer is 415, too', async (t) => {
  const app = await build(t)
  const headers = { 'transfer-encoding': 'gzip, chunked' }
  const answer = await postRaw(app, OBTAIN, gzipSync('{"a":1}'), JSON_TYPE, headers)
  t.strictSame(answerOf(answer), compressed('Transfer-Encoding: gzip, chunked'))
  t.notOk('accept-encoding' in answer.headers, 'it is for Content-Encoding alone (RFC 9110 §12.5.3)')
})

t.test('A33: a Content-Encoding that changes nothing is ignored, and so is any beside an empty body', async (t) => {
  const { app, bearer } = await appWithUser(t)
  for (const [url, answer] of EMPTY) {
    for (const coding of ['identity', 'Identity', 'identity, identity', '', 'UTF-8', 'utf8']) {
      const plain = await postRaw(app, url, '{"a":1}', JSON_TYPE, { 'content-encoding': coding, ...bearer })
      t.strictSame(answerOf(plain), answer, `${url} ${coding}`)
    }
    for (const coding of ['gzip', 'br']) {
      for (const body of ['', undefined]) {
        t.strictSame(answerOf(await postRaw(app, url, body, JSON_TYPE, { 'content-encoding': coding, ...bearer })), answer, url)
      }
    }
  }
  const other = await postRaw(app, OBTAIN, 'x', 'text/plain')
  t.notOk('accept-encoding' in other.headers, 'where no coding is the reason, none is said to be accepted (RFC 9110 §12.5.3)')
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
