import { STATUS_CODES } from 'node:http'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { post } from '../helper.ts'

/** What the tables of README.md say about an answer. */
export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly challenge: string | undefined
  readonly type: string
  /** The members of a success, or the fields of an error, in their order: clients of the original API show the first. */
  readonly order: readonly string[]
}

/** Everything of an answer that the tables hold, to be compared at once with one of the answers below. */
export function answerOf(answer: LightMyRequestResponse): Answer {
  const body = answer.body === '' ? '' : answer.json()
  const challenge = answer.headers['www-authenticate'] as string | undefined
  const [type = ''] = (answer.headers['content-type'] ?? '').toString().split(';')
  return { status: answer.statusCode, body, challenge, type, order: orderOf(answer.statusCode, body) }
}

export function success(status: number, body: object): Answer {
  return { status, body, challenge: undefined, type: 'application/json', order: orderOf(status, body) }
}

/** @param members those of the original API, beside those of every problem */
export function problem(status: number, code: string, detail: string, members: object = {}): Answer {
  const body = { title: STATUS_CODES[status], status, detail, code, ...members }
  return { status, body, challenge: undefined, type: 'application/problem+json', order: orderOf(status, body) }
}

/** A problem whose text the original API has in `message`. */
export function message(status: number, code: string, text: string): Answer {
  return problem(status, code, text, { message: text })
}

/** A validation error: the map of fields at the top level and under `errors`. */
export function invalid(errors: Record<string, string[]>): Answer {
  return problem(400, 'invalid', `Not valid: ${Object.keys(errors).join(', ')}.`, { ...errors, errors })
}

/** The same answer with the challenge: `+W` in the tables of README.md. */
export function challenged(answer: Answer): Answer {
  return { ...answer, challenge: 'Bearer realm="api"' }
}

function orderOf(status: number, body: unknown): string[] {
  const { errors = status < 400 ? body : {} } = body as { errors?: object }
  return Object.keys(errors as object)
}

/** Posts a body as it is, under any content type or none. */
export function postRaw(
  app: FastifyInstance,
  url: string,
  payload: string | Buffer | undefined,
  contentType?: string,
  headers: Record<string, string> = {},
): Promise<LightMyRequestResponse> {
  const type = contentType === undefined ? {} : { 'content-type': contentType }
  return app.inject({ method: 'POST', url, headers: { ...type, ...headers }, ...(payload !== undefined && { payload }) })
}

export const FORM = 'application/x-www-form-urlencoded'

export function postForm(app: FastifyInstance, url: string, fields: Record<string, string>, headers: Record<string, string> = {}) {
  return postRaw(app, url, new URLSearchParams(fields).toString(), FORM, headers)
}

export const REGISTER = '/api/users/'
export const LOGIN = '/api/users/authentication/'
export const OBTAIN = '/api/token/'
export const REFRESH = '/api/token/refresh/'
export const VERIFY = '/api/token/verify/'
export const REFRESH_AND_VERIFY = '/api/token/refresh-and-verify/'
export const INTROSPECT = '/api/token/introspect/'
export const HEADER = '/api/token/authentication-token-header/'
export const ENDPOINTS = [REGISTER, LOGIN, OBTAIN, REFRESH, VERIFY, REFRESH_AND_VERIFY, HEADER]

export const REQUIRED = ['This field is required.']
export const BLANK = ['This field may not be blank.']
export const NULL = ['This field may not be null.']
export const NOT_A_STRING = ['Not a valid string.']
export const NUL = ['Null characters are not allowed.']
export const SURROGATE = ['Surrogate characters are not allowed: U+D800.']
export const CONTROL = ['Control characters are not allowed.']
export const TAKEN = ['user login with this username already exists.']

export const created = success(201, { message: 'User created successfully' })
export const credentialsRequired = message(400, 'invalid', 'Username and password are required')
export const wrongCredentials = message(401, 'invalid_credentials', 'Invalid username or password')
export const noAccount = challenged(problem(401, 'no_active_account', 'No active account found with the given credentials'))
export const refreshRequired = message(400, 'invalid', 'Refresh token is required')
export const refreshRefused = message(401, 'token_not_valid', 'Invalid refresh token')
export const authenticated = success(200, { message: 'User authenticated successfully' })

/** A refused token on refresh and verify. */
export function tokenRefused(text = 'Token is invalid or expired'): Answer {
  return challenged(problem(401, 'token_not_valid', text))
}

/** A refused token in the header. */
export function bearerRefused(text = 'Token is invalid or expired'): Answer {
  const messages = [{ token_class: 'AccessToken', token_type: 'access', message: text }]
  return challenged(problem(401, 'token_not_valid', 'Given token not valid for any token type', { messages }))
}

/** The four endpoints that take a token: how a client sends it, its type, and how it is refused. */
export const TAKERS = [
  {
    name: 'refresh',
    type: 'refresh',
    send: (app: FastifyInstance, refresh: string) => post(app, REFRESH, { refresh }),
    refused: tokenRefused,
  },
  { name: 'verify', type: 'access', send: (app: FastifyInstance, token: string) => post(app, VERIFY, { token }), refused: tokenRefused },
  {
    name: 'refresh-and-verify',
    type: 'refresh',
    send: (app: FastifyInstance, refresh: string) => post(app, REFRESH_AND_VERIFY, { refresh }),
    refused: () => refreshRefused,
  },
  {
    name: 'header',
    type: 'access',
    send: (app: FastifyInstance, token: string) => post(app, HEADER, {}, { authorization: `Bearer ${token}` }),
    refused: bearerRefused,
  },
] as const

/** Bodies that are no objects, and the text of the error that names their type. */
export const NON_OBJECTS: readonly [json: string, text: string][] = [
  ['null', 'No data provided'],
  ['["a"]', 'Invalid data. Expected a dictionary, but got list.'],
  ['[]', 'Invalid data. Expected a dictionary, but got list.'],
  ['"a"', 'Invalid data. Expected a dictionary, but got str.'],
  ['7', 'Invalid data. Expected a dictionary, but got int.'],
  ['1.5', 'Invalid data. Expected a dictionary, but got float.'],
  ['true', 'Invalid data. Expected a dictionary, but got bool.'],
  [`${'['.repeat(5000)}${']'.repeat(5000)}`, 'Invalid data. Expected a dictionary, but got list.'],
]

/** 5000 nested lists. */
export function nested(): unknown {
  return JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`)
}

/** Values that are no strings, without null. */
export const NON_STRINGS: readonly unknown[] = [12345, 0, -1.5, true, false, ['a'], [], { a: 'b' }, {}, nested()]
/** Values that Python takes for false. */
export const FALSY: readonly unknown[] = ['', null, 0, false, [], {}]
/** Values that are no strings, and that Python takes for true. */
export const TRUTHY: readonly unknown[] = [888, 1.5, -1, true, ['a'], [0], { a: 'b' }, nested()]

/** A value as text, for the name of its case. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined'
  return text.length > 60 ? `${text.slice(0, 30)}… (${text.length} characters)` : text
}
