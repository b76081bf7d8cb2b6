// Not on PostgreSQL: it is about the document.
import t from 'tap'
import { createClient } from '../../domain/accounts/clients.ts'
import type { Answer, ApiDocument, Schema } from '../../http/api-document.ts'
import { basic, build, claimsOf, logIn, PASSWORD, register, type TestApp } from '../helper.ts'
import { idOf, setFlags } from '../operator.ts'
import { compiled, operationsOf } from './schemas.ts'

interface Call {
  operationId: string
  status: number
  code?: string
  payload?: string
  headers?: Record<string, string>
  /** Replaces `{id}` in the path. */
  id?: string | number
  /** Replaces `{sid}` in the path. */
  sid?: string
  query?: string
}

const documented = ['www-authenticate', 'retry-after', 'x-request-id', 'cache-control']
const NEXT = 'another horse battery'
const confirmed = { current_password: PASSWORD }
const json = (body: object) => JSON.stringify(body)
const user = { username: 'alice', password: PASSWORD }
const wrong = { ...user, password: 'wrong password' }

const app = await build(t)
const document: ApiDocument = (await app.inject('/openapi.json')).json()
const ajv = compiled(document)
await register(app)
await register(app, 'bob')
await register(app, 'erin')
await register(app, 'root')
await register(app, 'frank')
await setFlags(app, 'root', { isStaff: true, isSuperuser: true })
const staff = { authorization: `Bearer ${(await logIn(app, 'root')).access}` }
const rootId = await idOf(app, 'root')
const franksSid = claimsOf((await logIn(app, 'frank')).access).sid as string
const frank = await idOf(app, 'frank')
await logIn(app, 'frank')
const { access, refresh } = await logIn(app)
const other = claimsOf((await logIn(app)).access) as { sid: string }
const third = await logIn(app, 'bob')
const bearer = { authorization: `Bearer ${access}` }
const changing = { authorization: `Bearer ${(await logIn(app, 'erin')).access}` }

const { clientId, clientSecret } = await createClient(app, 'api')
const client = basic({ clientId, clientSecret })

const calls: Call[] = [
  { operationId: 'registerUser', status: 201, payload: json({ ...user, username: 'carol' }) },
  { operationId: 'registerUser', status: 400, code: 'invalid', payload: json({ ...user, password: 7 }) },
  { operationId: 'registerUser', status: 400, code: 'parse_error', payload: '{' },
  { operationId: 'registerUser', status: 413, code: 'payload_too_large', payload: json({ ...user, more: 'x'.repeat(20_000) }) },
  { operationId: 'registerUser', status: 415, code: 'unsupported_media_type', payload: 'x', headers: { 'content-type': 'text/plain' } },
  { operationId: 'logIn', status: 200, payload: json(user) },
  { operationId: 'logIn', status: 400, code: 'invalid', payload: '{}' },
  { operationId: 'logIn', status: 400, code: 'parse_error', payload: '{' },
  { operationId: 'logIn', status: 401, code: 'invalid_credentials', payload: json(wrong) },
  { operationId: 'obtainTokenPair', status: 200, payload: json(user) },
  { operationId: 'obtainTokenPair', status: 400, code: 'invalid', payload: json({ username: 'alice' }) },
  { operationId: 'obtainTokenPair', status: 400, code: 'invalid', payload: '[]' },
  { operationId: 'obtainTokenPair', status: 401, code: 'no_active_account', payload: json(wrong) },
  { operationId: 'refreshToken', status: 400, code: 'invalid', payload: '{}' },
  { operationId: 'refreshToken', status: 401, code: 'token_not_valid', payload: json({ refresh: access }) },
  { operationId: 'refreshToken', status: 200, payload: json({ refresh }) },
  { operationId: 'refreshAndVerifyToken', status: 400, code: 'invalid', payload: '{}' },
  { operationId: 'refreshAndVerifyToken', status: 401, code: 'token_not_valid', payload: json({ refresh: access }) },
  { operationId: 'refreshAndVerifyToken', status: 200, payload: json({ refresh }) },
  { operationId: 'verifyToken', status: 200, payload: json({ token: access }) },
  { operationId: 'verifyToken', status: 400, code: 'invalid', payload: '{}' },
  { operationId: 'verifyToken', status: 401, code: 'token_not_valid', payload: json({ token: 'x' }) },
  { operationId: 'introspectToken', status: 200, headers: client, payload: json({ token: access }) },
  { operationId: 'introspectToken', status: 200, headers: client, payload: json({ token: 'x' }) },
  { operationId: 'introspectToken', status: 400, code: 'invalid_request', headers: client, payload: '{}' },
  { operationId: 'introspectToken', status: 400, code: 'parse_error', headers: client, payload: '{' },
  { operationId: 'introspectToken', status: 401, code: 'invalid_client', payload: json({ token: access }) },
  { operationId: 'authenticateByHeader', status: 200, headers: bearer },
  { operationId: 'authenticateByHeader', status: 400, code: 'invalid', headers: bearer, payload: json({ username: 'alice' }) },
  { operationId: 'authenticateByHeader', status: 400, code: 'authorization_header_required', payload: json(user) },
  { operationId: 'authenticateByHeader', status: 400, code: 'bad_authorization_header', headers: { authorization: access } },
  { operationId: 'authenticateByHeader', status: 401, code: 'bad_authorization_header', headers: { authorization: 'Bearer' } },
  { operationId: 'authenticateByHeader', status: 401, code: 'not_authenticated' },
  { operationId: 'authenticateByHeader', status: 401, code: 'token_not_valid', headers: { authorization: 'Bearer x' } },
  { operationId: 'authenticateByHeader', status: 401, code: 'invalid_credentials', headers: bearer, payload: json(wrong) },
  {
    operationId: 'authenticateByHeader',
    status: 401,
    code: 'token_user_mismatch',
    headers: bearer,
    payload: json({ ...user, username: 'bob' }),
  },
  { operationId: 'getMe', status: 200, headers: bearer },
  { operationId: 'getMe', status: 401, code: 'not_authenticated' },
  { operationId: 'getMe', status: 401, code: 'bad_authorization_header', headers: { authorization: 'Bearer' } },
  { operationId: 'getMe', status: 401, code: 'token_not_valid', headers: { authorization: 'Bearer x' } },
  { operationId: 'listMySessions', status: 200, headers: bearer },
  { operationId: 'endMySession', status: 204, headers: bearer, id: other.sid },
  { operationId: 'endMySession', status: 404, code: 'not_found', headers: bearer, id: other.sid },
  { operationId: 'endMyOtherSessions', status: 204, headers: bearer },
  {
    operationId: 'changeMyPassword',
    status: 400,
    code: 'invalid',
    headers: bearer,
    payload: json({ current_password: 'wrong password', new_password: '1' }),
  },
  { operationId: 'changeMyPassword', status: 400, code: 'invalid', headers: bearer, payload: '{}' },
  {
    operationId: 'changeMyPassword',
    status: 200,
    headers: changing,
    payload: json({ current_password: PASSWORD, new_password: 'another horse battery' }),
  },
  { operationId: 'changeMyPassword', status: 401, code: 'token_not_valid', headers: changing, payload: json({}) },
  { operationId: 'listUsers', status: 200, headers: staff },
  { operationId: 'listUsers', status: 400, code: 'invalid', headers: staff, query: '?limit=0&is_active=x&cursor=x' },
  { operationId: 'listUsers', status: 403, code: 'permission_denied', headers: bearer },
  { operationId: 'getUser', status: 200, headers: staff, id: frank },
  { operationId: 'getUser', status: 404, code: 'not_found', headers: staff, id: 999 },
  { operationId: 'listUserSessions', status: 200, headers: staff, id: frank },
  { operationId: 'endUserSession', status: 204, headers: staff, id: frank, sid: franksSid },
  { operationId: 'endUserSession', status: 404, code: 'not_found', headers: staff, id: frank, sid: franksSid },
  { operationId: 'endUserSessions', status: 204, headers: staff, id: frank },
  { operationId: 'listEvents', status: 200, headers: staff },
  { operationId: 'listEvents', status: 400, code: 'invalid', headers: staff, query: '?kind=x' },
  { operationId: 'createUser', status: 201, headers: staff, payload: json({ ...confirmed, username: 'grace', password: NEXT }) },
  { operationId: 'createUser', status: 400, code: 'invalid', headers: staff, payload: json({ ...confirmed, username: '', password: '1' }) },
  { operationId: 'createUser', status: 403, code: 'permission_denied', headers: bearer, payload: '{}' },
  { operationId: 'changeUser', status: 200, headers: staff, id: frank, payload: json({ is_active: false }) },
  { operationId: 'changeUser', status: 400, code: 'invalid', headers: staff, id: frank, payload: json({ is_staff: true }) },
  {
    operationId: 'changeUser',
    status: 409,
    code: 'conflict',
    headers: staff,
    id: rootId,
    payload: json({ ...confirmed, is_staff: false }),
  },
  { operationId: 'setUserPassword', status: 200, headers: staff, id: frank, payload: json({ ...confirmed, new_password: NEXT }) },
  {
    operationId: 'setUserPassword',
    status: 400,
    code: 'invalid',
    headers: staff,
    id: frank,
    payload: json({ ...confirmed, new_password: '1' }),
  },
  { operationId: 'deleteUser', status: 409, code: 'conflict', headers: staff, id: rootId, payload: json(confirmed) },
  { operationId: 'deleteUser', status: 200, headers: staff, id: frank, payload: json(confirmed) },
  { operationId: 'deleteUser', status: 404, code: 'not_found', headers: staff, id: frank, payload: json(confirmed) },
  { operationId: 'deleteMe', status: 409, code: 'conflict', headers: staff, payload: json({ password: PASSWORD }) },
  { operationId: 'blacklistToken', status: 400, code: 'invalid', payload: '{}' },
  { operationId: 'blacklistToken', status: 200, payload: json({ refresh: third.refresh }) },
  { operationId: 'blacklistToken', status: 401, code: 'token_not_valid', payload: json({ refresh: third.refresh }) },
  { operationId: 'revokeToken', status: 400, code: 'invalid_request', payload: '{}' },
  { operationId: 'revokeToken', status: 200, payload: json({ token: third.access }) },
  { operationId: 'deleteMe', status: 400, code: 'invalid', headers: bearer, payload: json({ password: 'wrong password' }) },
  { operationId: 'deleteMe', status: 200, headers: bearer, payload: json({ password: PASSWORD }) },
  { operationId: 'deleteMe', status: 401, code: 'user_not_found', headers: bearer, payload: json({ password: PASSWORD }) },
  { operationId: 'getKeys', status: 200 },
  { operationId: 'getServerMetadata', status: 200 },
  { operationId: 'getLiveness', status: 200 },
  { operationId: 'getReadiness', status: 200 },
]

function named(schema: Schema | undefined): Schema {
  return document.components.schemas[schema?.$ref?.split('/').at(-1) ?? ''] ?? {}
}

function find(wanted: string) {
  for (const [url, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      if (operation.operationId === wanted) return { url, method: method.toUpperCase() as 'GET' | 'POST' | 'PATCH' | 'DELETE', operation }
    }
  }
  throw new Error(`no operation ${wanted}`)
}

function send(app: TestApp, { operationId, payload, headers, id = '', sid = '', query = '' }: Call) {
  const { url: template, method } = find(operationId)
  const url = template.replace('{id}', String(id)).replace('{sid}', sid) + query
  const type = payload === undefined ? {} : { 'content-type': 'application/json' }
  return app.inject({ method, url, headers: { ...type, ...headers }, ...(payload !== undefined && { payload }) })
}

t.test('every operation is called, and answers a success', async (t) => {
  const successful = calls.filter(({ code }) => code === undefined).map(({ operationId }) => operationId)
  t.same(
    operationsOf(document)
      .map(({ operationId }) => operationId)
      .filter((id) => !successful.includes(id)),
    [],
  )
})

for (const [index, call] of calls.entries()) {
  const { operationId, status, code } = call
  t.test(`${index + 1}: ${operationId} answers ${status} ${code ?? ''} as documented`, async (t) => {
    const answer = await send(app, call)
    t.equal(answer.statusCode, status)
    const body = answer.body === '' ? {} : answer.json()
    t.equal(body.code, code)

    const { headers, content } = find(operationId).operation.responses[status] as Answer
    const [mediaType, media] = Object.entries(content ?? {})[0] ?? []
    t.equal(answer.headers['content-type']?.toString().split(';')[0], mediaType)
    const validate = media && ajv.getSchema(`api${media.schema.$ref}`)
    t.ok(validate?.(body) ?? answer.body === '', JSON.stringify(validate?.errors))
    const { items, ...schema } = named(media?.schema)
    const { properties = {} } = items ? named(items) : schema
    t.same(
      [body].flat().flatMap((one: object) => Object.keys(one).filter((member) => !(member in properties))),
      [],
      'no member that the document does not name',
    )

    const names = Object.keys(headers).map((name) => name.toLowerCase())
    t.same(
      documented.filter((name) => name in answer.headers && !names.includes(name)),
      [],
      'no header that the document does not name',
    )
    const isRequired = (name: string) => {
      const { $ref, ...own } = headers[name] as { $ref?: string; required?: boolean }
      const header = $ref ? (document.components.headers?.[$ref.split('/').at(-1) ?? ''] as { required?: boolean }) : own
      return header.required === true
    }
    t.same(
      Object.keys(headers).filter((name) => isRequired(name) && !(name.toLowerCase() in answer.headers)),
      [],
      'every header that the document promises',
    )
  })
}

t.test('a form is read like JSON, on every operation with a body', async (t) => {
  await register(app)
  const { access } = await logIn(app)
  const bearer = { authorization: `Bearer ${access}` }
  const fields: Record<string, Record<string, string>> = {
    registerUser: { username: 'dave', password: PASSWORD },
    logIn: user,
    obtainTokenPair: user,
    refreshToken: { refresh: (await logIn(app)).refresh },
    refreshAndVerifyToken: { refresh: (await logIn(app)).refresh },
    verifyToken: { token: access },
    introspectToken: { token: access, client_id: clientId, client_secret: clientSecret },
    authenticateByHeader: user,
    revokeToken: { token: (await logIn(app)).access },
    blacklistToken: { refresh: (await logIn(app)).refresh },
    changeMyPassword: { current_password: PASSWORD, new_password: PASSWORD },
    deleteMe: { password: PASSWORD },
    createUser: { ...confirmed, username: 'heidi', password: NEXT, is_staff: 'true' },
    changeUser: { ...confirmed, is_active: 'false', is_superuser: 'true' },
    setUserPassword: { ...confirmed, new_password: NEXT },
    deleteUser: confirmed,
  }
  const withBody = operationsOf(document).filter(({ requestBody }) => requestBody)
  t.same(Object.keys(fields).sort(), withBody.map(({ operationId }) => operationId).sort())
  const bearerOf = async (operationId: string) =>
    operationId === 'deleteMe' ? { authorization: `Bearer ${(await logIn(app, 'dave')).access}` } : bearer
  const id = await idOf(app, 'erin')
  for (const [operationId, form] of Object.entries(fields)) {
    const { authorization } = 'current_password' in form && operationId !== 'changeMyPassword' ? staff : await bearerOf(operationId)
    const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
    const { statusCode } = await send(app, { operationId, id, status: 200, headers, payload: String(new URLSearchParams(form)) })
    t.equal(statusCode, ['registerUser', 'createUser'].includes(operationId) ? 201 : 200, operationId)
  }
})
