import fp from 'fastify-plugin'
import { ProblemLog } from '../http/problem-log.ts'

declare module 'fastify' {
  interface FastifyInstance {
    problemLog: ProblemLog
  }
}

/** Logs faults and storms of refusals, counted; what is held back is written before the service ends. */
export default fp(
  async (app) => {
    const problemLog = new ProblemLog(app.log)
    app.decorate('problemLog', problemLog)
    app.addHook('onClose', async () => problemLog.flush())
  },
  { name: 'problem-log' },
)
