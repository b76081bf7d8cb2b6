import type { Test } from 'tap'
import { build, logIn, register, type TestApp } from '../helper.ts'
import {
  type Answer,
  authenticated,
  credentialsRequired,
  FORM,
  HEADER,
  invalid,
  LOGIN,
  OBTAIN,
  REFRESH,
  REFRESH_AND_VERIFY,
  REGISTER,
  REQUIRED,
  refreshRequired,
  VERIFY,
} from './wire.ts'

export const JSON_TYPE = 'application/json'

/** What each endpoint answers to an empty body; header-auth with a good token. */
export const EMPTY: readonly (readonly [url: string, answer: Answer])[] = [
  [REGISTER, invalid({ password: REQUIRED, username: REQUIRED })],
  [LOGIN, credentialsRequired],
  [OBTAIN, invalid({ username: REQUIRED, password: REQUIRED })],
  [REFRESH, invalid({ refresh: REQUIRED })],
  [VERIFY, invalid({ token: REQUIRED })],
  [REFRESH_AND_VERIFY, refreshRequired],
  [HEADER, authenticated],
]

/** An app with a user, and the header with which header-auth reads the body of a request. */
export async function appWithUser(t: Pick<Test, 'teardown'>): Promise<{ app: TestApp; bearer: Record<string, string> }> {
  const app = await build(t)
  await register(app)
  const { access } = await logIn(app)
  return { app, bearer: { authorization: `Bearer ${access}` } }
}

/** Bodies that an endpoint refuses, with their content types. */
export const BAD_BODIES: readonly (readonly [body: string, type: string])[] = [
  ['{', 'application/json'],
  ['x', 'text/plain'],
  ['x', 'multipart/form-data; boundary=x'],
  ['%ff', FORM],
  [`"${'x'.repeat(20_000)}"`, 'application/json'],
]
