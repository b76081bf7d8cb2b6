import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { introspect } from '../domain/sessions/introspection.ts'
import { anyBody, looseMembers, looseToken } from '../http/loose-body.ts'
import { Introspection, IntrospectionRequest } from '../schemas/introspection.ts'
import { oAuthProblems } from '../schemas/problems.ts'
import { ref } from '../schemas/ref.ts'

const routes: FastifyPluginAsyncTypebox = async (app) => {
  app.post('/api/token/introspect/', {
    config: { isLimitedByAddress: true, isOAuth: true },
    schema: {
      operationId: 'introspectToken',
      tags: ['tokens'],
      summary: 'Introspect a token',
      description:
        'Tells another service what an access token is good for now (RFC 7662). Of a token that is not good, whatever is wrong with ' +
        'it, the answer is `{"active":false}`, and so it is of a refresh token unless `token_type_hint` is `refresh_token`. The caller is ' +
        'a client, which authenticates by HTTP Basic or with `client_id` and `client_secret` in the body, not by both. A parameter ' +
        'that comes twice in a form is refused.',
      security: [{ clientSecretBasic: [] }, {}],
      body: ref(IntrospectionRequest),
      response: { 200: ref(Introspection) },
      problems: {
        examples: oAuthProblems,
        codes: ['invalid_request', 'invalid_client', 'throttled', 'database_unavailable'],
      },
    },
    validatorCompiler: anyBody,
    async handler(request) {
      await app.authenticateClient(request)
      return introspect(app, looseToken(request.body), looseMembers(request.body).token_type_hint)
    },
  })
}

export default routes
