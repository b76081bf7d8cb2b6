// Not on PostgreSQL: it is about the log.
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { claimsOf } from '../helper.ts'
import { folder, postTo, type Service, start } from './process.ts'
import { talk, type WireAnswer } from './talk.ts'

// Texts that occur nowhere else, so that a search of the log finds them only if they were logged.
const PASSWORD = 'Pw-hunter2-secret'
const WRONG = 'Pw-hunter3-wrong'
const QUERY = 'query-hunter4'
const FORGED = 'eyJhbGciOiJIUzI1NiJ9.hunter5.hunter6'
const BASIC = 'aHVudGVyNzpodW50ZXI4'
const JUNK = 'hunter9-junk'
const PATH = 'hunter10-path'

const json = 'Content-Type: application/json\r\n'

interface Pair {
  readonly access: string
  readonly refresh: string
}

/** Requests of every kind and outcome, each with a secret in it. */
async function tour({ url, port }: Service, file: string): Promise<Pair[]> {
  const credentials = { username: 'alice', password: PASSWORD }
  await postTo(`${url}/api/users/?${QUERY}`, credentials)
  await postTo(`${url}/api/users/`, { username: 'al', password: WRONG, [WRONG]: WRONG })
  await postTo(`${url}/api/users/`, { username: 'bob', password: { [WRONG]: WRONG } })
  await postTo(`${url}/api/token/`, { username: 'alice', password: WRONG })
  await postTo(`${url}/api/token/`, { username: WRONG, password: 5 })
  await postTo(`${url}/api/users/authentication/`, { username: 'nobody', password: WRONG })
  const first = (await postTo(`${url}/api/token/`, credentials)).body as Pair
  const second = (await postTo(`${url}/api/token/refresh/`, { refresh: first.refresh })).body as Pair
  await postTo(`${url}/api/token/refresh/`, { refresh: FORGED })
  await postTo(`${url}/api/token/refresh-and-verify/`, { refresh: first.access })
  await postTo(`${url}/api/token/verify/?token=${first.access}`, { token: second.access })
  const authenticate = `${url}/api/token/authentication-token-header/`
  for (const authorization of [`Bearer ${second.access}`, `Bearer ${FORGED}`, `Basic ${BASIC}`, JUNK]) {
    await postTo(authenticate, credentials, { authorization })
  }
  for (const path of [PATH, `api/token/${PATH}/`, `api/users/me/sessions/${PATH}/`]) {
    for (const method of ['GET', 'DELETE', 'OPTIONS', 'PATCH']) await fetch(`${url}/${path}`, { method })
  }
  await fetch(`${url}/nothing?token=${first.refresh}&${QUERY}`)
  await fetch(`${url}/api/token/?${QUERY}`, { headers: { authorization: `Bearer ${first.access}`, cookie: JUNK } })
  for (const request of [
    `POST /api/token/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${json}Content-Length: 40\r\n\r\n{"password":"${WRONG}", broken json  `,
    `POST /api/token/ HTTP/1.1\r\nHost: x\r\n${json}Authorization: Bearer ${FORGED}\r\nContent-Length: 4x\r\n\r\n{"password":"${WRONG}"}`,
    `POST /api/token/ HTTP/1.1\r\nHost: x\r\n${json}Transfer-Encoding: chunked\r\n\r\nzz{"password":"${WRONG}"}`,
    `${JUNK} ${WRONG}\r\n\r\n`,
    `GET /${PATH}%zz?${QUERY} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    `PATCH http://x/api/users/me/sessions/${PATH.repeat(20)}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    `GET http://${JUNK}:${WRONG}@x/nothing?${QUERY} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    `GET /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${JUNK} "}\r\nConnection: close\r\n\r\n`,
    `POST /api/token/ HTTP/1.1\r\nHost: x\r\n${json}Content-Length: 99999\r\n\r\n{"password":"${WRONG}"`,
  ]) {
    await talk(port, [request], { patienceMs: 300 })
  }
  breakSession(file)
  await postTo(`${url}/api/token/refresh/`, { refresh: second.refresh })
  return [first, second]
}

/** Makes the stored session unreadable, so that the next refresh is answered 500. */
function breakSession(file: string): void {
  const sqlite = new SQLite(file)
  sqlite.exec("update sessions set replaced = x'00', refresh_jti = 'another'")
  sqlite.close()
}

/** The JSON lines of a log. A line that is no JSON fails the test. */
function lines(t: Test, output: string): Record<string, unknown>[] {
  return output
    .trim()
    .split('\n')
    .map((line) => {
      try {
        return JSON.parse(line)
      } catch {
        return t.fail('a line is no JSON', { line }) as never
      }
    })
}

/** The log as text, and after it the text of every byte array in it: a logged Buffer is written as numbers. */
function withBytes(output: string): string {
  const bytes = [...output.matchAll(/\[(\d{1,3}(?:,\d{1,3}){7,})\]/g)].map(([, list = '']) =>
    Buffer.from(list.split(',').map(Number)).toString(),
  )
  return `${output}\n${bytes.join('\n')}`
}

for (const level of ['info', 'trace']) {
  t.test(`at LOG_LEVEL=${level} every line of the log is JSON, and none contains a secret`, async (t) => {
    const file = `${folder(t)}/latchkey.db`
    const service = await start(t, { DATABASE_URL: `file:${file}`, LOG_LEVEL: level })
    const pairs = await tour(service, file)
    await service.stop()
    const logged = lines(t, service.output())
    t.ok(logged.length > 20)
    t.ok(logged.some(({ status }) => status === 500))
    t.ok(logged.some(({ level }) => level === 50))
    const text = withBytes(service.output())
    for (const secret of [PASSWORD, WRONG, QUERY, FORGED, BASIC, JUNK, PATH, 'argon2id', 'BEGIN PRIVATE']) {
      t.notOk(text.includes(secret), `nothing of ${secret}`)
    }
    for (const token of pairs.flatMap(({ access, refresh }) => [access, refresh])) {
      const [, payload = '', signature = ''] = token.split('.')
      t.notOk(text.includes(payload) || text.includes(signature), 'nothing of a token')
      t.notOk(text.includes(claimsOf(token).jti as string), 'no id of a token')
    }
  })
}

t.test('an internal error is answered with a request id, under which the log has the details', async (t) => {
  const file = `${folder(t)}/latchkey.db`
  const service = await start(t, { DATABASE_URL: `file:${file}` })
  await postTo(`${service.url}/api/users/`, { username: 'alice', password: PASSWORD })
  const { refresh } = (await postTo(`${service.url}/api/token/`, { username: 'alice', password: PASSWORD })).body as Pair
  breakSession(file)
  const answer = await postTo(`${service.url}/api/token/refresh/`, { refresh }, { 'x-request-id': 'find-me' })
  t.same(answer, {
    status: 500,
    body: {
      title: 'Internal Server Error',
      status: 500,
      detail: 'The service failed. Its log tells why, under the request id.',
      code: 'internal_error',
    },
  })
  await service.stop()
  const own = lines(t, service.output()).filter(({ reqId }) => reqId === 'find-me')
  t.match(own, [
    {
      level: 50,
      count: 1,
      method: 'POST',
      path: '/api/token/refresh/',
      ip: '127.0.0.1',
      err: { type: 'TypeError', stack: /refresh-chain\.ts/ },
    },
    { level: 30, method: 'POST', path: '/api/token/refresh/', status: 500, ip: '127.0.0.1' },
  ])
})

const MADE = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/
const close = 'Host: x\r\nConnection: close\r\n'

t.test('a short plain X-Request-Id is used, any other replaced; the id is in the answer and in its line of the log', async (t) => {
  const service = await start(t, { DATABASE_URL: ':memory:', LOG_LEVEL: 'debug' })
  const idOf = async (request: string): Promise<string | undefined> => {
    const { answers } = await talk(service.port, [request])
    return (answers[0] as WireAnswer).headers['x-request-id']
  }
  const taken = ['a', 'abc-DEF_1.2:3', 'x'.repeat(64)]
  for (const id of taken) {
    for (const target of ['GET /health/live', 'GET /nothing', 'DELETE /api/token/', 'POST /api/token/', 'GET /%zz']) {
      t.equal(await idOf(`${target} HTTP/1.1\r\n${close}X-Request-Id: ${id}\r\n\r\n`), id, target)
    }
  }
  for (const id of ['', ' ', 'x'.repeat(65), 'a b', 'a"b', 'é', 'a,b', '{}', 'a\tb', '../a']) {
    t.match(await idOf(`GET /health/live HTTP/1.1\r\n${close}X-Request-Id: ${id}\r\n\r\n`), MADE, JSON.stringify(id))
  }
  t.match(await idOf(`GET /health/live HTTP/1.1\r\n${close}X-Request-Id: a\r\nX-Request-Id: b\r\n\r\n`), MADE, 'two of them')
  t.match(await idOf(`GET /health/live HTTP/1.1\r\n${close}\r\n`), MADE, 'none')
  t.match(await idOf('no request\r\n\r\n'), MADE, 'no request')
  await service.stop()
  const logged = lines(t, service.output())
  for (const id of taken) {
    t.same(
      logged.filter(({ reqId }) => reqId === id).map(({ method, path, status }) => [method, path, status]),
      [
        ['GET', '/health/live', 200],
        ['GET', undefined, 404],
        ['DELETE', '/api/token/', 405],
        ['POST', '/api/token/', 400],
        ['GET', undefined, 400],
      ],
    )
  }
})
