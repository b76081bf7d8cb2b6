import fp from 'fastify-plugin'
import { ConnectionShares } from '../http/connection-shares.ts'

declare module 'fastify' {
  interface FastifyInstance {
    connections: ConnectionShares
  }
}

const WARNING_INTERVAL_MS = 60_000
const TRIM_EVERY_MS = 1000

/**
 * At most `MAX_CONNECTIONS` are open, shared among networks. Node's own limit is not used: it closes a newcomer before anything could give way
 * to it. Refused ones are logged, once a minute at most.
 */
export default fp(
  async (app) => {
    const { maxConnections, trustProxy } = app.config
    const connections = new ConnectionShares(maxConnections, trustProxy, app.monotonic)
    let warnedAt = Number.NEGATIVE_INFINITY
    app.decorate('connections', connections)
    app.server.on('connection', (socket) => {
      if (connections.admit(socket) !== 'full' || app.clock() - warnedAt < WARNING_INTERVAL_MS) return
      warnedAt = app.clock()
      app.log.warn(`MAX_CONNECTIONS=${maxConnections} are open and in use: more are refused`)
    })
    app.server.on('request', (request, response) => connections.begin(request, response))
    const trimming = setInterval(() => connections.trim(), TRIM_EVERY_MS).unref()
    app.addHook('onClose', async () => clearInterval(trimming))
  },
  { name: 'connections' },
)
