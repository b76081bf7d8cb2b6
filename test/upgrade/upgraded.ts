import type { Test } from 'tap'
import { basic, build, claimsOf, post, type TestApp } from '../helper.ts'
import { get, ME, SESSIONS } from '../routes/me.ts'
import { type Answer, answerOf, authenticated, HEADER, INTROSPECT, postForm, REFRESH, success, VERIFY } from '../wire/wire.ts'
import { type OldDatabase, type OldSession, writeOldDatabase } from './old-databases.ts'

/** Starts the service of today on an old database, at `START`. */
export async function upgrade(t: Test, old: OldDatabase, env: Record<string, string> = {}): Promise<TestApp> {
  const url = (await old.restore?.(t)) ?? `file:${writeOldDatabase(t, old)}`
  return build(t, { DATABASE_URL: url, PORT: '4300', ...old.settings, ...env })
}

/** Starts the service on a file, with the settings of an old database, `PORT=4300`, and others. */
export function startOn(t: Test, file: string, { settings }: OldDatabase, env: Record<string, string> = {}): Promise<TestApp> {
  return build(t, { DATABASE_URL: `file:${file}`, PORT: '4300', ...settings, ...env })
}

/** The sessions of an old database that are live, by name. */
export function liveSessions({ sessions }: OldDatabase): (readonly [name: string, session: OldSession])[] {
  return Object.entries(sessions).filter(([name]) => name !== 'loggedOut' && name !== 'endedByReuse')
}

/** Whether a token has not expired. */
export function isLive(app: TestApp, token: string): boolean {
  return (claimsOf(token).exp as number) * 1000 > app.clock()
}

/** What an endpoint that takes an access token says of its user, session and claims. */
interface Seen {
  readonly verify: Answer
  readonly header: Answer
  readonly introspection: object
  readonly me: string
  /** The `id` of the sessions that are said to be the one that asks. */
  readonly current: readonly string[]
}

/** Shows an access token to each endpoint that takes one. */
export async function showAccess(app: TestApp, old: OldDatabase, token: string): Promise<Seen> {
  const sessions: { id: string; current: boolean }[] = (await get(app, SESSIONS, token)).json()
  return {
    verify: answerOf(await post(app, VERIFY, { token })),
    header: answerOf(await post(app, HEADER, {}, { authorization: `Bearer ${token}` })),
    introspection: (await introspect(app, old, token, 'access_token')).json(),
    me: (await get(app, ME, token)).json().username,
    current: Array.isArray(sessions) ? sessions.filter(({ current }) => current).map(({ id }) => id) : [],
  }
}

/** What they answer to one that is good. */
export function goodAccess({ user, id }: OldSession, token: string): Seen {
  return { verify: success(200, {}), header: authenticated, introspection: active(user, token), me: user, current: [id] }
}

/** What introspection answers about a good token. */
export function active(username: string, token: string): object {
  const { user_id: _, ...claims } = claimsOf(token)
  return { active: true, username, ...claims }
}

export function introspect(app: TestApp, { client }: OldDatabase, token: string, hint: 'access_token' | 'refresh_token') {
  return postForm(app, INTROSPECT, { token, token_type_hint: hint }, basic(client))
}

/** Refreshes a session. @returns the tokens of the answer; the same refresh token where they do not rotate */
export async function refreshed(app: TestApp, refresh: string): Promise<{ access: string; refresh: string }> {
  const answer = await post(app, REFRESH, { refresh })
  if (answer.statusCode !== 200) throw new Error(`not refreshed: ${answer.body}`)
  return { refresh, ...answer.json() }
}
