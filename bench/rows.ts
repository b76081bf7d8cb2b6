import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeClient } from '../harness/api-client.ts'
import type { Loader, Server, ServerOptions } from './child.ts'
import { openEngine } from './database.ts'
import type { Load, Outcome } from './load.ts'
import { type Ask, compare, median, quantile } from './measure.ts'

export const PASSWORD = 'correct horse battery'
const CREDENTIALS = JSON.stringify({ username: 'user', password: PASSWORD })
/** Those who log in again and again lose their oldest sessions: a token that is to last is another user's. */
export const BYSTANDER = 'bystander'
const CONNECTIONS = 8
const STORM_CONNECTIONS = 50
const STORM_SECONDS = 5
const VERIFIES_PER_SECOND = 200
/** More a second than a server can check or hash: bodies that are used once do not run out. */
const MOST_CHECKS = 15_000
const MOST_HASHES = 1000

/** What the rows are measured with: a database with two users, and processes that serve it and that send requests. */
export interface Bench {
  readonly databaseUrl: string
  readonly loader: Loader
  /** Asks beside it, from another process: what a flood costs those who flood is not in the times of those who stand by. */
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

interface Pair {
  readonly latchkey: Server
  readonly floors: Server
}

export const rows: Record<string, (bench: Bench) => Promise<Line[]>> = {
  'verify-repeated': (bench) =>
    withServers(bench, async (servers) => {
      const { access } = await logIn(servers.latchkey)
      const bodies = [JSON.stringify({ token: access })]
      const ask = (path: string) => () => ({ path, connections: CONNECTIONS, bodies, supply: 'repeat' as const })
      return speedLine(bench, servers, {
        what: 'verify a repeated token; a bare route',
        ask: ask('/api/token/verify/'),
        askFloor: ask('/nothing'),
        wanted: '≥ 0.70, ≤ 0.045 ms',
      })
    }),

  'verify-fresh': (bench) =>
    withServers(bench, async (servers) => {
      const freshTokens = await tokenMaker(bench, servers.latchkey)
      let bodies: string[] = []
      return speedLine(bench, servers, {
        what: 'verify fresh tokens; the signature alone',
        ask(seconds) {
          bodies = freshTokens(seconds * MOST_CHECKS)
          return { path: '/api/token/verify/', connections: CONNECTIONS, bodies, supply: 'once' }
        },
        // The same ones: they are new to that process too.
        askFloor: () => ({ path: '/signature-check', connections: CONNECTIONS, bodies, supply: 'once' }),
        wanted: '≥ 0.80',
      })
    }),

  introspect: async (bench) => {
    const server = await bench.startLatchkey()
    const { access } = await logIn(server)
    const inspection = JSON.stringify({ token: access, ...(await makeClient(bench.databaseUrl)) })
    const ask = (path: string, body: string) => () => ({ path, connections: CONNECTIONS, bodies: [body], supply: 'repeat' as const })
    // Verify is the floor here: it does everything but authenticate the client and answer the claims.
    const lines = await speedLine(
      bench,
      { latchkey: server, floors: server },
      {
        what: 'introspect a repeated token; verify it',
        ask: ask('/api/token/introspect/', inspection),
        askFloor: ask('/api/token/verify/', JSON.stringify({ token: access })),
        wanted: '≥ 0.70',
      },
    )
    await server.stop()
    return lines
  },

  refresh: (bench) =>
    withServers(bench, async (servers) => {
      const chains = await Promise.all(Array.from({ length: CONNECTIONS }, () => logIn(servers.latchkey)))
      const first = chains.map(({ refresh }) => JSON.stringify({ refresh }))
      const ask =
        (path: string): Ask =>
        (_seconds, last = first) => ({ path, connections: CONNECTIONS, bodies: last, supply: 'chain' })
      return speedLine(bench, servers, {
        what: 'refresh; verify and two signatures',
        ask: ask('/api/token/refresh/'),
        askFloor: ask('/verify-and-two-signatures'),
        wanted: '≥ 0.95, ≤ 0.25 ms',
      })
    }),

  login: (bench) =>
    withServers(bench, async (servers) => {
      const ask = (path: string) => () => ({ path, connections: CONNECTIONS, bodies: [CREDENTIALS], supply: 'repeat' as const })
      return speedLine(bench, servers, {
        what: 'log in; argon2 alone',
        ask: ask('/api/token/'),
        askFloor: ask('/argon2-for-login'),
        wanted: '≥ 0.90',
      })
    }),

  register: (bench) =>
    withServers(bench, async (servers) => {
      const ask =
        (path: string): Ask =>
        (seconds) => ({ path, connections: CONNECTIONS, bodies: newUsers(seconds * MOST_HASHES), supply: 'once' })
      return speedLine(bench, servers, {
        what: 'register; argon2 alone',
        ask: ask('/api/users/'),
        askFloor: ask('/argon2-for-registration'),
        wanted: '≥ 0.90',
      })
    }),

  storm: async (bench) => {
    const server = await bench.startLatchkey()
    const { access } = await logIn(server, BYSTANDER)
    const logins: Load = {
      port: server.port,
      path: '/api/token/',
      connections: STORM_CONNECTIONS,
      seconds: STORM_SECONDS,
      bodies: [CREDENTIALS],
      supply: 'repeat',
    }
    const both = () => verifyBeside(bench, logins, access, STORM_SECONDS)
    await both()
    const full: number[] = []
    const shared: number[] = []
    const latenciesMs: number[] = []
    for (let turn = 0; turn < 3; turn++) {
      const [alone] = (await bench.loader.run(logins)) as [Outcome]
      const { flood, verifies } = await both()
      full.push(alone.rate)
      shared.push(flood.rate)
      latenciesMs.push(...verifies.latenciesMs)
    }
    await server.stop()
    const beside = `${STORM_CONNECTIONS} waiting logins`
    return [
      { what: `verify beside ${beside}, p99`, latchkey: ms(quantile(latenciesMs, 0.99)), wanted: '≤ 8 ms' },
      {
        what: `log in, ${beside} beside ${VERIFIES_PER_SECOND} verifies a second; without those`,
        latchkey: perSecond(median(shared)),
        floor: perSecond(median(full)),
        ratio: median(shared) / median(full),
        wanted: '≥ 0.75',
      },
    ]
  },

  start: async (bench) => {
    const latchkey: number[] = []
    const floor: number[] = []
    for (let turn = 0; turn < 5; turn++) {
      latchkey.push(await startMs(bench.startLatchkey()))
      floor.push(await startMs(bench.startFloors()))
    }
    return [
      {
        what: 'start to the first 200; bare routes',
        latchkey: ms(median(latchkey)),
        floor: ms(median(floor)),
        ratio: median(latchkey) / median(floor),
        wanted: '≤ 800 ms',
      },
    ]
  },

  memory: (bench) =>
    withServers(bench, async ({ latchkey, floors }) => {
      await sleep(3000)
      const idle = latchkey.residentMb()
      const bareIdle = floors.residentMb()
      const { access, refresh } = await logIn(latchkey, BYSTANDER)
      const common = { port: latchkey.port, seconds: 10, connections: CONNECTIONS, supply: 'repeat' as const }
      const loads: Load[] = [
        { ...common, path: '/api/token/', connections: STORM_CONNECTIONS, bodies: [CREDENTIALS] },
        { ...common, path: '/api/token/verify/', bodies: [JSON.stringify({ token: access })] },
        { ...common, path: '/api/token/refresh/', connections: 1, bodies: [JSON.stringify({ refresh })], supply: 'chain' },
      ]
      const samples: number[] = []
      const sampling = setInterval(() => samples.push(latchkey.residentMb()), 100)
      await bench.loader.run(...loads)
      clearInterval(sampling)
      return [
        {
          what: 'memory, idle; bare routes',
          latchkey: mb(idle),
          floor: mb(bareIdle),
          ratio: idle / bareIdle,
          wanted: '≤ 125 MB',
        },
        { what: 'memory under load, the most', latchkey: mb(Math.max(...samples)), wanted: '≤ 155 MB' },
      ]
    }),
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

async function speedLine(
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

async function withServers<T>(bench: Bench, use: (servers: Pair) => Promise<T>): Promise<T> {
  const servers = { latchkey: await bench.startLatchkey(), floors: await bench.startFloors() }
  const result = await use(servers)
  await servers.latchkey.stop()
  await servers.floors.stop()
  return result
}

async function startMs(starting: Promise<Server>): Promise<number> {
  const server = await starting
  await server.stop()
  return server.startMs
}

/** Makes bodies with access tokens of a live session that the server has not seen. */
async function tokenMaker({ databaseUrl }: Bench, server: Server): Promise<(count: number) => string[]> {
  const engine = await openEngine(databaseUrl)
  const claims = engine.verify((await logIn(server)).access)
  return (count) => Array.from({ length: count }, () => JSON.stringify({ token: engine.signAccess(claims) }))
}

function newUsers(count: number): string[] {
  return Array.from({ length: count }, () => JSON.stringify({ username: randomUUID(), password: PASSWORD }))
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

function perSecond(rate: number): string {
  return `${Math.round(rate)}/s`
}

export function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
}

export function mb(value: number): string {
  return `${Math.round(value)} MB`
}
