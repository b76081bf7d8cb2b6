import type { LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { savePlace } from '../../db/lane-places.ts'
import type { LanePlace } from '../../db/schema.ts'
import { databaseUrl } from '../databases.ts'
import { build, PASSWORD, type TestApp } from '../helper.ts'
import { type Answer, answerOf, message, noAccount, OBTAIN, problem } from '../wire/wire.ts'

/** Two services on one database file, whose clocks move together. */
export interface Two {
  readonly a: TestApp
  readonly b: TestApp
  /** Moves both clocks on by this number of seconds. */
  advance(seconds: number): void
}

export async function two(t: Test, env: Record<string, string> = {}): Promise<Two> {
  const file = { DATABASE_URL: await databaseUrl(t), ...env }
  const [a, b] = [await build(t, file), await build(t, file)]
  const advance = (seconds: number) => {
    for (const app of [a, b]) app.clock.advance(seconds)
  }
  return { a, b, advance }
}

export interface Attempt {
  readonly from?: string
  readonly username?: string
  readonly password?: string
  readonly url?: string
  readonly headers?: Record<string, string>
}

/** An answer with its `Retry-After`. */
export interface LimitedAnswer extends Answer {
  readonly retryAfter: string | undefined
}

/** Asks for tokens, with a wrong password unless `options` has another. */
export async function attempt(app: TestApp, options: Attempt = {}): Promise<LimitedAnswer> {
  const { from = '192.0.2.1', username = 'alice', password = 'wrong horse battery', url = OBTAIN, headers = {} } = options
  return withRetryAfter(await app.inject({ method: 'POST', url, remoteAddress: from, headers, payload: { username, password } }))
}

export function withRetryAfter(answer: LightMyRequestResponse): LimitedAnswer {
  return { ...answerOf(answer), retryAfter: answer.headers['retry-after'] as string | undefined }
}

export const RIGHT = { password: PASSWORD }
export const wrong: LimitedAnswer = { ...noAccount, retryAfter: undefined }

const detail = (seconds: number) => `Request was throttled. Expected available in ${seconds} second${seconds === 1 ? '' : 's'}.`

export function throttled(seconds: number): LimitedAnswer {
  return { ...problem(429, 'throttled', detail(seconds)), retryAfter: String(seconds) }
}

/** The same, at the endpoints whose problems have a `message` in the original API. */
export function throttledInMessage(seconds: number): LimitedAnswer {
  return { ...message(429, 'throttled', detail(seconds)), retryAfter: String(seconds) }
}

/** Fails `times` times for one name, from as many addresses of 198.18.0.0/15. */
export function failFromAnywhere(apps: readonly TestApp[], times: number, username = 'alice'): Promise<void> {
  return fail(apps, times, (i) => ({ username, from: `198.18.${i >> 8}.${i & 255}` }))
}

/** Fails `times` times from one address, with as many names. */
export function failWithAnyName(apps: readonly TestApp[], times: number, from: string): Promise<void> {
  return fail(apps, times, (i) => ({ username: `nobody-${i}`, from }))
}

const AT_ONCE = 50

async function fail(apps: readonly TestApp[], times: number, options: (i: number) => Attempt): Promise<void> {
  for (let begun = 0; begun < times; begun += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, times - begun) }, (_, i) => begun + i)
    const answers = await Promise.all(some.map((i) => attempt(apps[i % apps.length] as TestApp, options(i))))
    const other = answers.find(({ status }) => status !== 401)
    if (other !== undefined) throw new Error(`a failure is answered ${JSON.stringify(other)}`)
  }
}

/** Logs in with the right password. Only the status is returned: the tokens differ at each login. */
export async function logsIn(app: TestApp, options: Attempt = {}): Promise<number> {
  return (await attempt(app, { ...RIGHT, ...options })).status
}

/** Promises turns to so many networks, behind one that comes in thirty seconds. */
export async function fillLane(app: TestApp, count: number): Promise<void> {
  const first = (await app.db.read.selectFrom('lane_places').selectAll().execute())[0] as LanePlace
  const more = Array.from({ length: count }, (_, i) => ({ ...first, party: `10.0.${i}.1`, member: '', at: app.clock() + 30_000 * (i + 2) }))
  await app.db.write((handle) => Promise.all(more.map((place) => savePlace(handle, { ...place, expires_at: place.at + 3_600_000 }))))
}
