import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { buildApp } from '../app.ts'
import { loadConfig } from '../config.ts'
import type { ClientCredentials } from '../domain/accounts/clients.ts'
import { Estimator } from '../domain/passwords/estimator.ts'
import { sharedCompilers } from './compilers.ts'
import { databaseUrlOfOne } from './databases.ts'

/** 2026-01-01T00:00:00Z, in milliseconds. */
export const START = 1_767_225_600_000
export const PASSWORD = 'correct horse battery'

/**
 * Shared by all apps of a process: to start its thread takes as long as many tests. It has room: under the options with which Node runs the
 * tests, collecting the garbage of a small heap takes up to a third of their time.
 */
const estimator = new Estimator({ clock: () => 0, log: { warn: (details, message) => console.error(message, details) }, heapMb: 64 })

/** A clock that stands still until a test moves it, and the monotonic one beside it. */
export interface TestClock {
  (): number
  /** Moves the clock on by this number of seconds. */
  advance(seconds: number): void
  /** Sets the clock this number of seconds ahead (or back, if less than 0) of where it is, as a spike does: the monotonic clock does not move. */
  jump(seconds: number): void
  monotonic(): number
}

export interface TestApp extends FastifyInstance {
  clock: TestClock
}

/**
 * Builds an app with cheap hashing and a clock that stands still, on a new database unless `env` names one. It is closed at the end of
 * the test.
 */
export async function build(t: Pick<Test, 'teardown'>, env: Record<string, string> = {}): Promise<TestApp> {
  const config = loadConfig({
    DATABASE_URL: await databaseUrlOfOne(t),
    LOG_LEVEL: 'silent',
    ARGON2_MEMORY_KIB: '1024',
    ARGON2_ITERATIONS: '1',
    HASHING_CONCURRENCY: '4',
    ...env,
  })
  const clock = testClock()
  const schemaController = { compilersFactory: sharedCompilers }
  const app = await buildApp({ config, clock, monotonic: clock.monotonic, schemaController, estimator })
  t.teardown(() => app.close())
  await app.ready()
  return app as unknown as TestApp
}

function testClock(): TestClock {
  let now = START
  let elapsed = 0
  const jump = (seconds: number) => {
    now += seconds * 1000
  }
  const advance = (seconds: number) => {
    elapsed += seconds * 1000
    jump(seconds)
  }
  return Object.assign(() => now, { advance, jump, monotonic: () => elapsed })
}

/** Posts a body as JSON. */
export function post(app: FastifyInstance, url: string, payload: unknown, headers: Record<string, string> = {}) {
  return app.inject({ method: 'POST', url, headers: { 'content-type': 'application/json', ...headers }, payload: JSON.stringify(payload) })
}

/** Registers a user. */
export async function register(app: FastifyInstance, username = 'alice', password = PASSWORD): Promise<void> {
  const answer = await post(app, '/api/users/', { username, password })
  if (answer.statusCode !== 201) throw new Error(`not registered: ${answer.body}`)
}

/** Starts a session of a registered user. */
export async function logIn(app: FastifyInstance, username = 'alice', password = PASSWORD): Promise<{ refresh: string; access: string }> {
  const answer = await post(app, '/api/token/', { username, password })
  if (answer.statusCode !== 200) throw new Error(`not logged in: ${answer.body}`)
  return answer.json()
}

/** The header with which a client authenticates by HTTP Basic. */
export function basic({ clientId, clientSecret }: ClientCredentials): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` }
}

/** The claims of a token, unverified. */
export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString())
}

/** The header of a token. */
export function headerOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[0] as string, 'base64url').toString())
}

/** The status and the whole body of an answer, for one comparison. */
export function seen(answer: LightMyRequestResponse): { status: number; body: unknown } {
  return { status: answer.statusCode, body: answer.body === '' ? '' : answer.json() }
}

/** What `seen` returns while the database is unavailable. */
export const unavailable = {
  status: 503,
  body: {
    title: 'Service Unavailable',
    status: 503,
    detail: 'The database does not answer. Try again later.',
    code: 'database_unavailable',
  },
}
