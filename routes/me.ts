import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Session } from '../db/schema.ts'
import { listLiveSessions } from '../db/sessions.ts'
import { changePassword, deleteAccount } from '../domain/accounts/own.ts'
import { instant } from '../domain/clock.ts'
import { Problem } from '../domain/errors.ts'
import { endOtherSessions, endOwnSession } from '../domain/sessions/logout.ts'
import { bearerCodes } from '../http/bearer-codes.ts'
import { deviceTokenOf } from '../http/device-token.ts'
import { originOf } from '../http/origin.ts'
import { sessionDocument } from '../http/session.ts'
import { AccountDeletion, PasswordChange, type SessionOfMine, SessionPath, SessionsOfMine } from '../schemas/account.ts'
import { DeviceHeaders } from '../schemas/credentials.ts'
import { accountDeletionProblems, bearerProblems, passwordChangeProblems } from '../schemas/problems.ts'
import { NoContent, ref } from '../schemas/ref.ts'
import { Empty, TokenPair } from '../schemas/tokens.ts'

/** What users can see and do with their own account, authenticated by an access token. */
const routes: FastifyPluginAsyncTypebox = async (app) => {
  const common = { tags: ['account'], security: [{ accessToken: [] }] }
  const problems = { examples: bearerProblems, codes: [...bearerCodes] }

  // Before the body is read, but after the hooks of a route: what they refuse is nobody's yet.
  app.addHook('preParsing', async (request) => {
    await app.authenticate(request)
  })

  app.get('/api/users/me/sessions/', {
    schema: {
      operationId: 'listMySessions',
      summary: 'My live sessions',
      description: 'The one used last comes first.',
      ...common,
      response: { 200: ref(SessionsOfMine) },
      problems,
    },
    async handler({ user }) {
      const sessions = await listLiveSessions(app.db.read, user.id, app.clock())
      return sessions.map((session) => shown(session, user.sessionId))
    },
  })

  app.delete('/api/users/me/sessions/:id/', {
    schema: {
      operationId: 'endMySession',
      summary: 'End one of my sessions',
      description: 'At once: none of its tokens is accepted any more.',
      ...common,
      params: SessionPath,
      response: { 204: NoContent },
      problems: { ...problems, codes: [...bearerCodes, 'not_found', 'overloaded'] },
    },
    async handler(request, reply) {
      const { id } = request.params
      if (!(await endOwnSession(app, originOf(request), request.user, id))) throw new Problem('not_found', 'Not found.')
      return reply.code(204).send(null)
    },
  })

  app.delete('/api/users/me/sessions/', {
    schema: {
      operationId: 'endMyOtherSessions',
      summary: 'End all my other sessions',
      description: 'At once: only the session of the access token goes on.',
      ...common,
      response: { 204: NoContent },
      problems: { ...problems, codes: [...bearerCodes, 'overloaded'] },
    },
    async handler(request, reply) {
      await endOtherSessions(app, originOf(request), request.user)
      return reply.code(204).send(null)
    },
  })

  app.post('/api/users/me/password/', {
    config: { takesPassword: 'always' },
    schema: {
      operationId: 'changeMyPassword',
      summary: 'Change my password',
      description: 'Ends all my sessions, this one too, and answers the tokens of a new one.',
      ...common,
      headers: DeviceHeaders,
      body: ref(PasswordChange),
      response: { 200: ref(TokenPair) },
      problems: {
        examples: passwordChangeProblems,
        codes: [...bearerCodes, 'invalid', 'cross_site', 'throttled', 'overloaded'],
      },
    },
    async handler(request) {
      const { current_password: current, new_password: next } = request.body
      return changePassword(app, originOf(request), request.user, { current, next, deviceToken: deviceTokenOf(request) })
    },
  })

  app.post('/api/users/me/delete/', {
    config: { takesPassword: 'always' },
    schema: {
      operationId: 'deleteMe',
      summary: 'Delete my account',
      description: 'A POST, for proxies and generated clients drop the body of a DELETE.',
      ...common,
      headers: DeviceHeaders,
      body: ref(AccountDeletion),
      response: { 200: ref(Empty) },
      problems: {
        examples: accountDeletionProblems,
        codes: [...bearerCodes, 'conflict', 'invalid', 'cross_site', 'throttled', 'overloaded'],
      },
    },
    async handler(request) {
      await deleteAccount(app, originOf(request), request.user, { ...request.body, deviceToken: deviceTokenOf(request) })
      return {}
    },
  })
}

function shown(session: Session, currentId: number): SessionOfMine {
  return {
    ...sessionDocument(session),
    ...(session.elsewhere_at !== null && {
      elsewhere_at: instant(session.elsewhere_at),
      elsewhere_address: session.elsewhere_address ?? '',
      elsewhere_client: session.elsewhere_client ?? '',
    }),
    current: session.id === currentId,
  }
}

export default routes
