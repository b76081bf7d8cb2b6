import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setImmediate as turn } from 'node:timers/promises'
import type { LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import { DatabaseUnavailable } from '../../db/errors.ts'
import { problems } from '../../domain/errors.ts'
import { noOrigin } from '../../domain/events/record.ts'
import { build, logIn, PASSWORD, post, register, type TestApp } from '../helper.ts'
import { setFlags } from '../operator.ts'
import { HEADER, INTROSPECT, LOGIN, OBTAIN, postRaw, REFRESH, REFRESH_AND_VERIFY, REGISTER } from './wire.ts'

const RIGHT = { username: 'alice', password: PASSWORD }
const shared = await appWithUsers(t)

interface Seen {
  readonly status: number
  readonly code: string
  readonly retryAfter?: string | undefined
}

/** Each code (part C of README.md), and a request that is answered with it. The tests of its endpoint check the whole body. */
const CODES: Readonly<Record<string, readonly [status: number, ask: (t: Test) => Promise<Seen>]>> = {
  invalid: [400, asked((app) => post(app, OBTAIN, {}))],
  parse_error: [400, asked((app) => postRaw(app, OBTAIN, '{', 'application/json'))],
  bad_request: [400, asked((app) => app.inject('/api/%zz/'))],
  invalid_request: [400, asked((app) => post(app, '/api/token/revoke/', {}))],
  invalid_client: [401, asked((app) => post(app, INTROSPECT, { token: 'x' }))],
  authorization_header_required: [400, asked((app) => post(app, HEADER, RIGHT))],
  bad_authorization_header: [401, asked((app) => post(app, HEADER, {}, { authorization: 'Bearer' }))],
  invalid_credentials: [401, asked((app) => post(app, LOGIN, { ...RIGHT, password: 'wrong' }))],
  no_active_account: [401, asked((app) => post(app, OBTAIN, { ...RIGHT, password: 'wrong' }))],
  token_not_valid: [401, asked((app) => post(app, REFRESH_AND_VERIFY, { refresh: 'x' }))],
  user_not_found: [401, askedAlone((app) => afterUserChange(app, (handle) => handle.deleteFrom('users').execute()))],
  user_inactive: [401, askedAlone((app) => afterUserChange(app, (handle) => handle.updateTable('users').set({ is_active: 0 }).execute()))],
  token_user_mismatch: [401, asked(async (app) => post(app, HEADER, { ...RIGHT, username: 'bob' }, await bearer(app)))],
  not_authenticated: [401, asked((app) => post(app, HEADER, {}))],
  permission_denied: [403, asked(async (app) => app.inject({ url: REGISTER, headers: await bearer(app) }))],
  conflict: [409, askedAlone(deletedLast)],
  cross_site: [403, asked((app) => post(app, OBTAIN, RIGHT, { origin: 'https://evil.example' }))],
  registration_closed: [403, async (t) => seenIn(await post(await build(t, { REGISTRATION: 'closed' }), REGISTER, RIGHT))],
  not_found: [404, asked((app) => app.inject('/nowhere'))],
  method_not_allowed: [405, asked((app) => app.inject({ method: 'DELETE', url: OBTAIN }))],
  request_timeout: [408, async () => parsed(await clientError(shared, 'ERR_HTTP_REQUEST_TIMEOUT'))],
  payload_too_large: [413, asked((app) => post(app, OBTAIN, { password: 'x'.repeat(1_000_000) }))],
  unsupported_media_type: [415, asked((app) => postRaw(app, OBTAIN, 'x', 'text/plain'))],
  headers_too_large: [
    431,
    async (t) => parsed(await talk(await build(t), `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`)),
  ],
  throttled: [429, askedAlone(guessed)],
  internal_error: [500, askedAlone(withoutTables)],
  overloaded: [503, askedAlone(withAllHashingTaken)],
  database_unavailable: [503, askedAlone(readOnly)],
  stopping: [503, async (t) => parsed(await whileStopping(await build(t)))],
}

for (const [code, [status, ask]] of Object.entries(CODES)) {
  t.test(`C: ${code}`, async (t) => {
    const seen = await ask(t)
    t.strictSame({ status: seen.status, code: seen.code }, { status, code })
    t.equal(/^[1-9]\d*$/.test(seen.retryAfter ?? ''), [429, 503].includes(status), 'Retry-After in whole seconds, where trying again helps')
  })
}

t.test('C: every code of the error table has a request here', async (t) => {
  t.strictSame(
    Object.keys(problems).filter((code) => !(code in CODES)),
    [],
  )
})

t.test('C: bad_authorization_header is 400 for a raw token', async (t) => {
  const app = await build(t)
  const answer = await post(app, HEADER, {}, { authorization: 'x' })
  t.strictSame([answer.statusCode, answer.json().code], [400, 'bad_authorization_header'])
})

t.test('C: a request that is not HTTP is bad_request', async (t) => {
  for (const request of ['nonsense\r\n\r\n', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n']) {
    const app = await build(t)
    t.match(parsed(await talk(app, request)), { status: 400, code: 'bad_request' }, request)
  }
})

t.test('C: the answer to an internal error says nothing about its cause', async (t) => {
  const app = await build(t)
  await register(app)
  const answer = await withoutTables(app)
  t.strictSame(Object.keys(answer.json()), ['title', 'status', 'detail', 'code'])
  t.notMatch(answer.body, /sql|table|users|at .*\.ts/i)
})

t.test('A28: every answer has the security headers and a request id', async (t) => {
  const app = await build(t)
  const answers = [
    await post(app, REGISTER, RIGHT),
    await post(app, REGISTER, {}),
    await app.inject('/nowhere'),
    await app.inject('/api/%zz/'),
    await app.inject({ method: 'DELETE', url: OBTAIN }),
    await post(app, OBTAIN, { password: 'x'.repeat(20_000) }),
    await app.inject('/health/live'),
  ]
  for (const answer of answers) {
    t.match(answer.headers, { 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'x-request-id': /./ }, `${answer.statusCode}`)
  }
})

/** An app with the users alice and bob. */
async function appWithUsers(t: Pick<Test, 'teardown'>): Promise<TestApp> {
  const app = await build(t, { HASHING_CONCURRENCY: '1' })
  await register(app, 'alice')
  await register(app, 'bob')
  return app
}

type Request = (app: TestApp) => Promise<LightMyRequestResponse>

/** Sends a request that changes nothing, so that all of them share an app. */
function asked(request: Request): (t: Test) => Promise<Seen> {
  return async () => seenIn(await request(shared))
}

/** Sends a request to an app of its own. */
function askedAlone(request: Request): (t: Test) => Promise<Seen> {
  return async (t) => seenIn(await request(await appWithUsers(t)))
}

function seenIn(answer: LightMyRequestResponse): Seen {
  return { status: answer.statusCode, code: answer.json().code, retryAfter: answer.headers['retry-after'] as string | undefined }
}

async function bearer(app: TestApp): Promise<Record<string, string>> {
  return { authorization: `Bearer ${(await logIn(app)).access}` }
}

async function afterUserChange(app: TestApp, change: Parameters<TestApp['db']['write']>[0]): Promise<LightMyRequestResponse> {
  const headers = await bearer(app)
  await app.db.write(change)
  return post(app, HEADER, {}, headers)
}

async function deletedLast(app: TestApp): Promise<LightMyRequestResponse> {
  await setFlags(app, 'alice', { isStaff: true, isSuperuser: true })
  return post(app, '/api/users/me/delete/', { password: PASSWORD }, await bearer(app))
}

async function guessed(app: TestApp): Promise<LightMyRequestResponse> {
  for (let i = 0; i < 10; i++) await post(app, OBTAIN, { ...RIGHT, password: `wrong ${i}` })
  return post(app, OBTAIN, RIGHT)
}

async function withoutTables(app: TestApp): Promise<LightMyRequestResponse> {
  const { refresh } = await logIn(app)
  await app.db.write((handle) => handle.schema.alterTable('sessions').renameTo('elsewhere').execute())
  return post(app, REFRESH, { refresh })
}

async function readOnly(app: TestApp): Promise<LightMyRequestResponse> {
  app.db.write = () => Promise.reject(new DatabaseUnavailable('read-only'))
  return post(app, LOGIN, RIGHT)
}

/** Logs in while a slow comparison runs and the queue is full. */
async function withAllHashingTaken(app: TestApp): Promise<LightMyRequestResponse> {
  const here = { ...noOrigin, address: '127.0.0.1' }
  const running = app.hashing.matches(here, app.hashing.decoy.replace(/m=\d+,t=\d+/, 'm=65536,t=3'), 'x')
  await turn()
  const waiting = Array.from({ length: app.config.hashingQueue }, () => app.hashing.matches(here, 'no hash', 'x'))
  const answer = await post(app, LOGIN, RIGHT)
  await Promise.all([running, ...waiting])
  return answer
}

/** What the server writes when Node's parser reports an error: a timeout would take too long to provoke. */
async function clientError(app: TestApp, code: string): Promise<string> {
  const socket = new PassThrough()
  app.server.emit('clientError', Object.assign(new Error(code), { code }), socket)
  return text(socket)
}

async function talk(app: TestApp, request: string): Promise<string> {
  await app.listen({ port: 0 })
  const socket = connect((app.server.address() as AddressInfo).port)
  socket.write(request)
  return text(socket)
}

/** The answer to a request whose first bytes came before the service began to stop. */
async function whileStopping(app: TestApp): Promise<string> {
  await app.listen({ port: 0 })
  const socket = connect((app.server.address() as AddressInfo).port)
  const [serverSide] = await once(app.server, 'connection')
  socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\n')
  while (serverSide.bytesRead === 0) await turn()
  const closed = app.close()
  while (!app.isStopping()) await turn()
  socket.write('Connection: close\r\n\r\n')
  const answer = await text(socket)
  await closed
  return answer
}

function parsed(answer: string): Seen {
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  const [, retryAfter] = /^retry-after: (.*)$/im.exec(head) ?? []
  return { status: Number(head.split(' ')[1]), code: JSON.parse(body).code, retryAfter }
}
