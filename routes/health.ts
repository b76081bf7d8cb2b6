import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { healthOf } from '../db/health.ts'
import { ProblemShape } from '../schemas/problems.ts'
import { ref } from '../schemas/ref.ts'
import { Health } from '../schemas/service.ts'

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const checkDatabase = healthOf(app.db, app.monotonic)

  app.get('/health/live', {
    schema: {
      operationId: 'getLiveness',
      tags: ['service'],
      summary: 'Whether the process answers',
      response: { 200: ref(Health) },
      problems: { shape: ProblemShape, codes: [] },
    },
    async handler() {
      return { status: 'ok' as const }
    },
  })

  app.get('/health/ready', {
    schema: {
      operationId: 'getReadiness',
      tags: ['service'],
      summary: 'Whether the database can be read and written too',
      response: { 200: ref(Health) },
      problems: { shape: ProblemShape, codes: ['database_unavailable'] },
    },
    async handler() {
      await checkDatabase()
      return { status: 'ok' as const }
    },
  })
}

export default routes
