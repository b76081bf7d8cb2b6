import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { AuthEvent } from '../db/schema.ts'
import { instant } from '../domain/clock.ts'
import { listEvents } from '../domain/events/list.ts'
import { bearerCodes } from '../http/bearer-codes.ts'
import { readText } from '../http/from-text.ts'
import { type Event, EventPage, EventQuery } from '../schemas/administration.ts'
import { listProblems } from '../schemas/problems.ts'
import { ref } from '../schemas/ref.ts'

const LIMIT = 50

const routes: FastifyPluginAsyncTypebox = async (app) => {
  app.addHook('preValidation', readText)

  app.get('/api/events/', {
    preParsing: app.authenticateStaff,
    schema: {
      operationId: 'listEvents',
      tags: ['administration'],
      summary: 'Events',
      description:
        'The newest first, a page at a time. Of `user` and `kind` together a page may have fewer than `limit`, even none, while `next` says ' +
        'where to go on. For staff.',
      security: [{ accessToken: [] }],
      querystring: EventQuery,
      response: { 200: ref(EventPage) },
      problems: { examples: listProblems, codes: [...bearerCodes, 'permission_denied', 'invalid'] },
    },
    async handler({ query: { user: userId, kind, limit = LIMIT, cursor } }) {
      const { results, next } = await listEvents(app, { userId, kind, limit, cursor })
      return { results: results.map(shown), next }
    },
  })
}

function shown(event: AuthEvent): Event {
  return { ...event, at: instant(event.at), last_at: instant(event.last_at) }
}

export default routes
