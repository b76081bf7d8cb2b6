import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { logOut, revoke } from '../domain/sessions/logout.ts'
import { anyBody, looseToken } from '../http/loose-body.ts'
import { originOf } from '../http/origin.ts'
import { oAuthProblems, refreshProblems } from '../schemas/problems.ts'
import { ref } from '../schemas/ref.ts'
import { Empty, RefreshRequest, RevocationRequest } from '../schemas/tokens.ts'

const routes: FastifyPluginAsyncTypebox = async (app) => {
  app.post('/api/token/blacklist/', {
    schema: {
      operationId: 'blacklistToken',
      tags: ['tokens'],
      summary: 'Log out',
      description: 'Ends the session of a refresh token, also of one that was replaced. All its tokens are refused from then on.',
      body: ref(RefreshRequest),
      response: { 200: ref(Empty) },
      problems: {
        examples: refreshProblems,
        codes: ['invalid', 'token_not_valid', 'overloaded', 'database_unavailable'],
      },
    },
    async handler(request) {
      await logOut(app, originOf(request), request.body.refresh)
      return {}
    },
  })

  app.post('/api/token/revoke/', {
    config: { isOAuth: true },
    schema: {
      operationId: 'revokeToken',
      tags: ['tokens'],
      summary: 'Revoke a token (RFC 7009)',
      description:
        'Ends the session of an access or refresh token, without authentication of the client. ' +
        'A token that is not known, or was revoked before, is answered in the same way. A parameter that comes twice in a form is refused.',
      body: ref(RevocationRequest),
      response: { 200: ref(Empty) },
      problems: { examples: oAuthProblems, codes: ['invalid_request', 'overloaded', 'database_unavailable'] },
    },
    validatorCompiler: anyBody,
    async handler(request) {
      await revoke(app, originOf(request), looseToken(request.body))
      return {}
    },
  })
}

export default routes
