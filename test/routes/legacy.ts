import { createHmac } from 'node:crypto'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { build, post, register, START, type TestApp } from '../helper.ts'
import { segment } from '../wire/forge.ts'
import { type Answer, authenticated, bearerRefused, HEADER, REFRESH, refreshRefused, success, tokenRefused, VERIFY } from '../wire/wire.ts'

/** Of no installation: it is the one of the vectors. */
export const KEY = 'django-insecure-0123456789!@#$%^&*(-_=+)abcdefghijklmnopqrstuv-x'
export const NOW = START / 1000
export const UNTIL = '2026-01-11'
export const UNTIL_SECONDS = NOW + 10 * 86_400
/** Of the hash that was imported. */
export const MD5 = '0123456789ABCDEF0123456789ABCDEF'

export type Claims = Record<string, unknown>

/** An app that takes legacy tokens, with the imported user alice, who has the id 1. */
export async function buildLegacy(t: Pick<Test, 'teardown'>, env: Record<string, string> = {}): Promise<TestApp> {
  const app = await build(t, { LEGACY_JWT_SECRET: KEY, LEGACY_JWT_UNTIL: UNTIL, ...env })
  await register(app)
  await imported(app, 'alice')
  return app
}

/** Makes a user of what an import leaves. */
export async function imported(app: TestApp, username: string): Promise<void> {
  await app.db.write((handle) =>
    handle
      .updateTable('users')
      .set({ imported_at: START - 3_600_000, changed_at: START - 3_600_000, imported_hash_md5: MD5 })
      .where('username', '=', username)
      .execute(),
  )
}

/** What Simple JWT 5.5.1 puts into a token. */
export function legacyClaims(type: 'access' | 'refresh', changes: Claims = {}): Claims {
  const exp = type === 'access' ? NOW + 300 : NOW + 86_400
  return { token_type: type, exp, iat: NOW - 10, jti: '0123456789abcdef0123456789abcdef', user_id: '1', ...changes }
}

/** Signs claims as Simple JWT does. */
export function signLegacy(claims: Claims, header: Claims = { alg: 'HS256', typ: 'JWT' }, key = KEY, hash = 'sha256'): string {
  const input = `${segment(JSON.stringify(header))}.${segment(JSON.stringify(claims))}`
  return `${input}.${createHmac(hash, key).update(input).digest('base64url')}`
}

export function legacyToken(type: 'access' | 'refresh', changes: Claims = {}): string {
  return signLegacy(legacyClaims(type, changes))
}

/** The rows of what is known of legacy tokens. */
export function legacyRows(app: TestApp) {
  return app.db.read.selectFrom('legacy_tokens').selectAll().orderBy('jti').execute()
}

export const sessionsOf = (app: TestApp) =>
  app.db.read.selectFrom('sessions').select(['id', 'user_id', 'refresh_iat', 'refresh_exp', 'end_reason']).orderBy('id').execute()

/** Refreshes; the tokens of the answer. @throws for another answer than 200 */
export async function refreshed(app: FastifyInstance, refresh: string): Promise<{ access: string; refresh: string }> {
  const answer = await post(app, REFRESH, { refresh })
  if (answer.statusCode !== 200) throw new Error(`not refreshed: ${answer.body}`)
  return answer.json()
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const isGood = ({ status }: Answer) => status === 200

/** Every endpoint that takes a legacy token: its type, how it is sent, whether it was taken, and how it is refused. */
export const LEGACY_TAKERS: readonly {
  readonly name: string
  readonly type: 'access' | 'refresh'
  send(app: TestApp, token: string): Promise<LightMyRequestResponse>
  isTaken(answer: Answer): boolean
  refused(text?: string): Answer
}[] = [
  { name: 'refresh', type: 'refresh', send: (app, refresh) => post(app, REFRESH, { refresh }), isTaken: isGood, refused: tokenRefused },
  {
    name: 'refresh-and-verify',
    type: 'refresh',
    send: (app, refresh) => post(app, '/api/token/refresh-and-verify/', { refresh }),
    isTaken: isGood,
    refused: () => refreshRefused,
  },
  {
    name: 'blacklist',
    type: 'refresh',
    send: (app, refresh) => post(app, '/api/token/blacklist/', { refresh }),
    isTaken: isGood,
    refused: tokenRefused,
  },
  { name: 'verify', type: 'refresh', send: (app, token) => post(app, VERIFY, { token }), isTaken: isGood, refused: tokenRefused },
  { name: 'verify', type: 'access', send: (app, token) => post(app, VERIFY, { token }), isTaken: isGood, refused: tokenRefused },
  {
    name: 'header authentication',
    type: 'access',
    send: (app, token) => post(app, HEADER, {}, bearer(token)),
    isTaken: (answer) => JSON.stringify(answer) === JSON.stringify(authenticated),
    refused: bearerRefused,
  },
  {
    name: 'me',
    type: 'access',
    send: (app, token) => app.inject({ url: '/api/users/me/', headers: bearer(token) }),
    isTaken: isGood,
    refused: bearerRefused,
  },
]

export const verified = success(200, {})
