import type { Test } from 'tap'
import type { Kept, Options, Store } from './careful.ts'
import { Session } from './careful.ts'
import { createClient } from './generated/client/index.ts'
import { getMe, obtainTokenPair, registerUser } from './generated/index.ts'

/** A service of its own, and its clock, which stands still. */
export interface Service {
  readonly url: string
  advance(seconds: number): void
}
export type Listen = (t: Test, env?: Record<string, string>) => Promise<Service>

/** Answers in the place of the service, or after asking it. */
export type Fault = (ask: () => Promise<Response>) => Promise<Response>

export const PASSWORD = 'correct horse battery'
/** Seconds after which an access token has expired. */
export const EXPIRED = 301
export const ME = '/api/users/me/'
export const REFRESH = '/api/token/refresh/'

/** A device with a user who has logged in, and the network between it and the service. */
export interface Device extends Service {
  readonly session: Session
  readonly options: Options
  readonly store: Store & { kept?: Kept | undefined }
  /** `GET /api/users/me/ 200`, and `lost` in the place of the status without an answer. */
  readonly seen: string[]
  readonly waits: number[]
  ends(): number
  /** What happens to the next calls of a path, one each; the last one stays when it is `forever`. */
  disturb(path: string, faults: Fault[], forever?: 'forever'): void
}

export async function device(t: Test, listen: Listen, { env, ...more }: Partial<Options> & { env?: Record<string, string> } = {}) {
  const service = await listen(t, env)
  const store = memoryStore()
  const seen: string[] = []
  const waits: number[] = []
  const disturbed = new Map<string, { faults: Fault[]; forever: boolean }>()
  let ends = 0
  const options: Options = {
    baseUrl: service.url,
    store,
    onEnd: () => ends++,
    fetch: (request) => pass(request, seen, faultOf(disturbed.get(new URL(request.url).pathname))),
    wait: async (seconds) => waits.push(seconds),
    ...more,
  }
  const session = await Session.start(options, await logIn(service.url, 'alice'))
  const disturb: Device['disturb'] = (path, faults, forever) => disturbed.set(path, { faults, forever: forever !== undefined })
  return { ...service, session, options, store, seen, waits, ends: () => ends, disturb } satisfies Device
}

/** Registers a user, and logs in. */
export async function logIn(baseUrl: string, username: string): Promise<Kept> {
  await registerUser({ client: createClient({ baseUrl }), body: { username, password: PASSWORD }, throwOnError: true })
  return logInAgain(baseUrl, username)
}

export async function logInAgain(baseUrl: string, username: string): Promise<Kept> {
  const call = { client: createClient({ baseUrl }), body: { username, password: PASSWORD }, throwOnError: true } as const
  return { username, ...(await obtainTokenPair(call)).data }
}

export function memoryStore(): Device['store'] {
  const store: Device['store'] = {
    read: async () => store.kept,
    write: async (kept) => {
      store.kept = kept
    },
    replace: async (refresh, next) => {
      if (store.kept?.refresh === refresh) store.kept = next
    },
  }
  return store
}

function faultOf(disturbed?: { faults: Fault[]; forever: boolean }): Fault | undefined {
  const { faults, forever } = disturbed ?? { faults: [], forever: false }
  return forever && faults.length === 1 ? faults[0] : faults.shift()
}

async function pass(request: Request, seen: string[], fault: Fault = (ask) => ask()): Promise<Response> {
  const index = seen.push(`${request.method} ${new URL(request.url).pathname} lost`) - 1
  const answer = await fault(() => fetch(request))
  seen[index] = `${request.method} ${new URL(request.url).pathname} ${answer.status}`
  return answer
}

/** An answer with a problem, as the service makes it. */
export function problem(status: number, code: string, retryAfter?: string): Fault {
  const headers = { 'content-type': 'application/problem+json', ...(retryAfter && { 'retry-after': retryAfter }) }
  return async () => Response.json({ title: 'A title', status, detail: 'A detail.', code }, { status, headers })
}

/** An answer of a proxy. */
export function page(status: number): Fault {
  return async () => new Response('<h1>Proxy</h1>', { status, headers: { 'content-type': 'text/html' } })
}

export const offline: Fault = async () => {
  throw new TypeError('fetch failed')
}

/** The service has done what was asked, and the network ends before its answer. */
export const lostAnswer: Fault = async (ask) => {
  await ask()
  throw new TypeError('fetch failed')
}

/** The same, after the headers of the answer. */
export const cutAnswer: Fault = async (ask) => {
  const { status, headers } = await ask()
  return new Response(new ReadableStream({ pull: (stream) => stream.error(new TypeError('terminated')) }), { status, headers })
}

/** The status of a call of who I am, or the error without an answer. */
export async function me({ client }: Session): Promise<unknown> {
  const { response, error } = await getMe({ client })
  return response?.status ?? error
}

export const twenty = (ask: () => Promise<unknown>) => Promise.all(Array.from({ length: 20 }, ask))

/** How many times each is in a list. */
export function times(list: readonly unknown[]): Record<string, number> {
  return Object.fromEntries(Object.entries(Object.groupBy(list, String)).map(([one, all = []]) => [one, all.length]))
}
