import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { healthOf } from '../db/health.ts'
import { ref } from '../schemas/ref.ts'
import { Health } from '../schemas/service.ts'

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const checkDatabase = healthOf(app.db, app.monotonic)

  app.get('/health/live', {
    schema: {
      operationId: 'getLiveness',
      tags: ['service'],
      summary: 'Whether the process answers',
      description: 'Nothing else is asked: an orchestrator restarts a container for which this fails.',
      response: { 200: ref(Health) },
      problems: { codes: [] },
    },
    async handler() {
      return { status: 'ok' }
    },
  })

  app.get('/health/ready', {
    schema: {
      operationId: 'getReadiness',
      tags: ['service'],
      summary: 'Whether the database can be read and written too',
      description: 'While it fails a load balancer sends requests elsewhere.',
      response: { 200: ref(Health) },
      problems: { codes: ['database_unavailable'] },
    },
    async handler() {
      await checkDatabase()
      return { status: 'ok' }
    },
  })
}

export default routes
