import fp from 'fastify-plugin'
import { repeat } from '../domain/repetition.ts'
import { SweepReport } from '../domain/sweep-report.ts'
import { sweep } from '../domain/sweeping.ts'

const EVERY_MS = 10_000

/** Sweeps in the background. A sweep that fails is tried again with the next one. */
export default fp(
  async (app) => {
    const end = repeat(
      async () => {
        const report = new SweepReport(app.log, app.monotonic)
        await sweep(app, app.isStopping, (what, rows) => report.note(what, rows))
        report.end()
      },
      EVERY_MS,
      (error) => app.log.warn({ err: error }, 'ended sessions and old events could not be swept'),
    )
    app.addHook('onClose', end)
  },
  { name: 'sweeper', dependencies: ['db', 'stopping'] },
)
