import fp from 'fastify-plugin'
import { sweep } from '../domain/sweeping.ts'

const EVERY_MS = 10_000

/** Sweeps in the background. A sweep that fails is tried again with the next one. */
export default fp(
  async (app) => {
    let running: Promise<void> = Promise.resolve()
    let isBusy = false
    const run = async () => {
      if (isBusy) return
      isBusy = true
      await sweep(app, app.isStopping).catch((error: unknown) =>
        app.log.warn({ err: error }, 'ended sessions and old events could not be swept'),
      )
      isBusy = false
    }
    const timer = setInterval(() => {
      running = run()
    }, EVERY_MS).unref()
    app.addHook('onClose', async () => {
      clearInterval(timer)
      await running
    })
  },
  { name: 'sweeper', dependencies: ['db', 'stopping'] },
)
