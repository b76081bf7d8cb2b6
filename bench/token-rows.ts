// How fast tokens are checked and refreshed.
import { makeClient } from '../harness/api-client.ts'
import type { Server } from './child.ts'
import { openEngine } from './database.ts'
import type { Ask } from './measure.ts'
import { type Bench, CONNECTIONS, type Line, logIn, speedLine, withServers } from './row.ts'

/** More tokens a second than a server can check: bodies that are used once do not run out. */
const MOST_CHECKS = 15_000

export const tokenRows: Record<string, (bench: Bench) => Promise<Line[]>> = {
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
        // The same tokens again: the second process has not verified them either.
        askFloor: () => ({ path: '/signature-check', connections: CONNECTIONS, bodies, supply: 'once' }),
        wanted: '≥ 0.80',
      })
    }),

  introspect: async (bench) => {
    const server = await bench.startLatchkey()
    const { access } = await logIn(server)
    const inspection = JSON.stringify({ token: access, ...(await makeClient(bench.databaseUrl)) })
    const ask = (path: string, body: string) => () => ({ path, connections: CONNECTIONS, bodies: [body], supply: 'repeat' as const })
    // Compared with verify, which does the same work without the authentication of the client and the claims in the answer.
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
        what: 'refresh; verify the token and sign both',
        ask: ask('/api/token/refresh/'),
        askFloor: ask('/verify-and-sign-both'),
        wanted: '≥ 0.95, ≤ 0.12 ms',
      })
    }),
}

/** Makes bodies with access tokens of a live session that the server has not seen. */
async function tokenMaker({ databaseUrl }: Bench, server: Server): Promise<(count: number) => string[]> {
  const engine = await openEngine(databaseUrl)
  const claims = engine.verifyAccess((await logIn(server)).access)
  return (count) => Array.from({ length: count }, () => JSON.stringify({ token: engine.signAccess(claims) }))
}
