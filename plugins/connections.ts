import fp from 'fastify-plugin'

const WARNING_INTERVAL_MS = 60_000

/** At most `MAX_CONNECTIONS` are open. Node closes any further one at once and logs nothing, so this warns, once a minute at most. */
export default fp(
  async (app) => {
    const { maxConnections } = app.config
    let warnedAt = Number.NEGATIVE_INFINITY
    app.server.maxConnections = maxConnections
    app.server.on('drop', () => {
      if (app.clock() - warnedAt < WARNING_INTERVAL_MS) return
      warnedAt = app.clock()
      app.log.warn(`MAX_CONNECTIONS=${maxConnections} are open: more are refused`)
    })
  },
  { name: 'connections' },
)
