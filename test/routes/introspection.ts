import type { LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { type ClientCredentials, createClient } from '../../domain/accounts/clients.ts'
import { basic, build, logIn, register, type TestApp } from '../helper.ts'
import { INTROSPECT, postForm } from '../wire/wire.ts'

export interface Introspection {
  readonly app: TestApp
  readonly client: ClientCredentials
  readonly access: string
  readonly refresh: string
  /** Introspects a token as the client, without a hint. */
  ask(token: string): Promise<LightMyRequestResponse>
  /** The same with `token_type_hint=refresh_token`. */
  askRefresh(token: string): Promise<LightMyRequestResponse>
}

/** An app with a client, and a user who is logged in. */
export async function openIntrospection(t: Test, env: Record<string, string> = {}): Promise<Introspection> {
  const app = await build(t, env)
  await register(app)
  const client = await createClient(app, 'api')
  const ask = (body: Record<string, string>) => postForm(app, INTROSPECT, body, basic(client))
  return {
    app,
    client,
    ...(await logIn(app)),
    ask: (token) => ask({ token }),
    askRefresh: (token) => ask({ token, token_type_hint: 'refresh_token' }),
  }
}

/** Status, whole body as text, challenge and cacheability. */
export function answerOf({ statusCode: status, body, headers }: LightMyRequestResponse) {
  return { status, body, challenge: headers['www-authenticate'], cache: headers['cache-control'] }
}

export const answer = (body: object) => ({ status: 200, body: JSON.stringify(body), challenge: undefined, cache: 'no-store' })
export const inactive = answer({ active: false })

function refused(status: number, title: string, code: string, detail: string, challenge?: string) {
  return { status, body: JSON.stringify({ title, status, detail, code, error: code }), challenge, cache: 'no-store' }
}
export const noClient = refused(401, 'Unauthorized', 'invalid_client', 'Client authentication failed.', 'Basic realm="api"')
export const noToken = refused(400, 'Bad Request', 'invalid_request', 'The parameter `token` is missing.')
export const repeated = refused(400, 'Bad Request', 'invalid_request', 'A parameter is included more than once.')
export const twoWays = refused(
  400,
  'Bad Request',
  'invalid_request',
  'A client authenticates by the Authorization header or in the body, not by both.',
)
