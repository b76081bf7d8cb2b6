import fp from 'fastify-plugin'
import { repeat } from '../domain/repetition.ts'

const EVERY_MS = 5000

/** Looks at the clock from time to time, so that a jump is noticed and warned of when no request asks. */
export default fp(
  async (app) => {
    const end = repeat(
      async () => void app.clockWatch.read(),
      EVERY_MS,
      (error) => app.log.warn({ err: error }, 'the clock could not be read'),
    )
    app.addHook('onClose', end)
  },
  { name: 'clock-watch' },
)
