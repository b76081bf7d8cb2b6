import fp from 'fastify-plugin'
import type { AppOptions } from '../app.ts'

const WARNING_INTERVAL_MS = 60_000

/** At most `MAX_CONNECTIONS` are open: Node closes one more at once, without a word. */
export default fp<AppOptions>(
  async (app, { config, clock }) => {
    let warnedAt = Number.NEGATIVE_INFINITY
    app.server.maxConnections = config.maxConnections
    app.server.on('drop', () => {
      if (clock() - warnedAt < WARNING_INTERVAL_MS) return
      warnedAt = clock()
      app.log.warn(`MAX_CONNECTIONS=${config.maxConnections} are open: more are refused`)
    })
  },
  { name: 'connections' },
)
