// How fast users log in and register, and what other requests notice of it.
import { randomUUID } from 'node:crypto'
import type { Load, Outcome } from './load.ts'
import { type Ask, median, quantile } from './measure.ts'
import {
  type Bench,
  BYSTANDER,
  CONNECTIONS,
  CREDENTIALS,
  type Line,
  logIn,
  ms,
  PASSWORD,
  perSecond,
  STORM_CONNECTIONS,
  speedLine,
  VERIFIES_PER_SECOND,
  verifyBeside,
  withServers,
} from './row.ts'

/** More passwords a second than a server can hash: bodies that are used once do not run out. */
const MOST_HASHES = 1000
const STORM_SECONDS = 5

export const passwordRows: Record<string, (bench: Bench) => Promise<Line[]>> = {
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
}

function newUsers(count: number): string[] {
  return Array.from({ length: count }, () => JSON.stringify({ username: randomUUID(), password: PASSWORD }))
}
