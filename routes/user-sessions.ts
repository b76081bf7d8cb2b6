import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { endSession, endSessionsOf, listSessions } from '../domain/accounts/users-sessions.ts'
import { bearerCodes } from '../http/bearer-codes.ts'
import { ID, readText } from '../http/from-text.ts'
import { originOf } from '../http/origin.ts'
import { sessionDocument } from '../http/session.ts'
import { UserPath, UserSessionPath, UserSessions } from '../schemas/administration.ts'
import { bearerProblems } from '../schemas/problems.ts'
import { NoContent, ref } from '../schemas/ref.ts'

/** The sessions of users, for staff. */
const routes: FastifyPluginAsyncTypebox = async (app) => {
  const common = { tags: ['administration'], security: [{ accessToken: [] }] }
  const codes = [...bearerCodes, 'permission_denied', 'not_found'] as const
  const ending = { examples: bearerProblems, codes: [...codes, 'overloaded'] } as const

  app.addHook('preParsing', async (request) => {
    await app.authenticateStaff(request)
  })
  app.addHook('preValidation', readText)

  app.get(`/api/users/:id${ID}/sessions/`, {
    schema: {
      operationId: 'listUserSessions',
      summary: 'Live sessions of a user',
      description: 'The one used last comes first. For staff.',
      ...common,
      params: UserPath,
      response: { 200: ref(UserSessions) },
      problems: { examples: bearerProblems, codes },
    },
    async handler({ params }) {
      return (await listSessions(app, params.id)).map(sessionDocument)
    },
  })

  app.delete(`/api/users/:id${ID}/sessions/`, {
    schema: {
      operationId: 'endUserSessions',
      summary: 'End all sessions of a user',
      description: 'For staff; those of staff and of superusers, for superusers who are staff.',
      ...common,
      params: UserPath,
      response: { 204: NoContent },
      problems: ending,
    },
    async handler(request, reply) {
      await endSessionsOf(app, adminOf(request), request.params.id)
      return reply.code(204).send(null)
    },
  })

  app.delete(`/api/users/:id${ID}/sessions/:sid/`, {
    schema: {
      operationId: 'endUserSession',
      summary: 'End one session of a user',
      description: 'For staff; those of staff and of superusers, for superusers who are staff.',
      ...common,
      params: UserSessionPath,
      response: { 204: NoContent },
      problems: ending,
    },
    async handler(request, reply) {
      await endSession(app, adminOf(request), request.params.sid, request.params.id)
      return reply.code(204).send(null)
    },
  })
}

function adminOf(request: FastifyRequest) {
  const { id, username, sid } = request.staff
  return { id, username, sid, origin: originOf(request), isConfirmed: false }
}

export default routes
