// What the rows of the table share.
import type { Loader, Server, ServerOptions } from './child.ts'
import type { Load, Outcome } from './load.ts'
import { type Ask, compare } from './measure.ts'

export const PASSWORD = 'correct horse battery'
export const CREDENTIALS = JSON.stringify({ username: 'user', password: PASSWORD })
/** Tokens that must stay valid belong to a second user: the oldest sessions of a user who logs in very often are ended. */
export const BYSTANDER = 'bystander'
export const CONNECTIONS = 8
export const STORM_CONNECTIONS = 50
export const VERIFIES_PER_SECOND = 200

/** What the rows are measured with: a database with two users, and processes that serve it and that send requests. */
export interface Bench {
  readonly databaseUrl: string
  readonly loader: Loader
  /** Sends requests beside a flood from another process, so that the cost of sending the flood is not in their times. */
  readonly bystander: Loader
  startLatchkey(options?: ServerOptions): Promise<Server>
  startFloors(): Promise<Server>
  close(): Promise<void>
}

/** A line of the table. */
export interface Line {
  readonly what: string
  readonly latchkey: string
  readonly floor?: string
  readonly ratio?: number
  readonly cpu?: string
  readonly wanted: string
}

/** Latchkey and the bare routes that it is compared with. */
export interface Pair {
  readonly latchkey: Server
  readonly floors: Server
}

/** Runs a flood, and beside it verifies one token again and again at a steady rate, for `seconds`. */
export async function verifyBeside(
  { loader, bystander }: Bench,
  flood: Load,
  token: string,
  seconds: number,
): Promise<{ readonly flood: Outcome; readonly verifies: Outcome }> {
  const verifies: Load = {
    port: flood.port,
    path: '/api/token/verify/',
    connections: CONNECTIONS,
    seconds,
    bodies: [JSON.stringify({ token })],
    supply: 'repeat',
    perSecond: VERIFIES_PER_SECOND,
  }
  const [[flooded], [verified]] = (await Promise.all([loader.run(flood), bystander.run(verifies)])) as [[Outcome], [Outcome]]
  return { flood: flooded, verifies: verified }
}

/** A line that compares the rates of two paths, one of Latchkey and one of the bare routes. */
export async function speedLine(
  { loader }: Bench,
  { latchkey, floors }: Pair,
  { what, ask, askFloor, wanted }: { what: string; ask: Ask; askFloor: Ask; wanted: string },
): Promise<Line[]> {
  const [ours, floor] = await compare(loader, { server: latchkey, ask }, { server: floors, ask: askFloor })
  if (ours === undefined || floor === undefined) return []
  return [
    {
      what,
      latchkey: perSecond(ours.rate),
      floor: perSecond(floor.rate),
      ratio: ours.rate / floor.rate,
      cpu: `${ours.cpuMs.toPrecision(2)} ms`,
      wanted,
    },
  ]
}

/** Runs some work with both servers, which are stopped after it. */
export async function withServers<T>(bench: Bench, use: (servers: Pair) => Promise<T>): Promise<T> {
  const servers = { latchkey: await bench.startLatchkey(), floors: await bench.startFloors() }
  const result = await use(servers)
  await servers.latchkey.stop()
  await servers.floors.stop()
  return result
}

export async function logIn(server: Server, username = 'user'): Promise<{ access: string; refresh: string }> {
  return (await post(server, '/api/token/', { username, password: PASSWORD })) as { access: string; refresh: string }
}

/** @throws for any answer but a 2xx */
export async function post({ port }: Server, path: string, body: object): Promise<unknown> {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`${path} answers ${answer.status}`)
  return answer.json()
}

export function perSecond(rate: number): string {
  return `${Math.round(rate)}/s`
}

export function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
}

export function mb(value: number): string {
  return `${Math.round(value)} MB`
}
