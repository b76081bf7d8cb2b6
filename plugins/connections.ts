import fp from 'fastify-plugin'
import { type Admission, ConnectionShares } from '../http/connection-shares.ts'

declare module 'fastify' {
  interface FastifyInstance {
    connections: ConnectionShares
  }
}

const WARNING_INTERVAL_MS = 60_000

/**
 * At most `MAX_CONNECTIONS` are open, shared among networks. Node's own limit is not used: it closes a newcomer before anything could give way
 * to it. Refused ones are logged, once a minute at most.
 */
export default fp(
  async (app) => {
    const { maxConnections, trustProxy } = app.config
    const connections = new ConnectionShares(maxConnections, trustProxy)
    const warnings: Partial<Record<Admission, string>> = {
      full: `MAX_CONNECTIONS=${maxConnections} are open and in use: more are refused`,
      'past share': `a network has a quarter of MAX_CONNECTIONS=${maxConnections} open and in use: more of it are refused`,
    }
    const warnedAt: Partial<Record<Admission, number>> = {}
    app.decorate('connections', connections)
    app.server.on('connection', (socket) => {
      const admission = connections.admit(socket)
      const warning = warnings[admission]
      if (warning === undefined || app.clock() - (warnedAt[admission] ?? Number.NEGATIVE_INFINITY) < WARNING_INTERVAL_MS) return
      warnedAt[admission] = app.clock()
      app.log.warn(warning)
    })
    app.server.on('request', (request, response) => connections.begin(request, response))
  },
  { name: 'connections' },
)
