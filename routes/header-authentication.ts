import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { checkCredentials } from '../domain/accounts/log-in.ts'
import { messageProblem, notAuthenticated, Problem } from '../domain/errors.ts'
import { deviceTokenOf } from '../http/device-token.ts'
import { anyBody, hasCredentials, looseCredentials } from '../http/loose-body.ts'
import { originOf } from '../http/origin.ts'
import { Authenticated, DeviceHeaders, OptionalCredentials } from '../schemas/credentials.ts'
import { headerProblems } from '../schemas/problems.ts'
import { ref } from '../schemas/ref.ts'

const routes: FastifyPluginAsyncTypebox = async (app) => {
  app.post('/api/token/authentication-token-header/', {
    config: { isLimitedByAddress: true, takesPassword: 'perhaps' },
    schema: {
      operationId: 'authenticateByHeader',
      tags: ['tokens'],
      summary: 'Authenticate by the Authorization header',
      description:
        'Tells whether the access token of the `Authorization` header is good now. Credentials in the body are optional; ' +
        'when they are sent, they must be right and of the same user.',
      security: [{ accessToken: [] }],
      headers: DeviceHeaders,
      body: ref(OptionalCredentials),
      response: { 200: ref(Authenticated) },
      problems: {
        examples: headerProblems,
        hasMessage: true,
        codes: [
          'invalid',
          'cross_site',
          'authorization_header_required',
          'bad_authorization_header',
          'not_authenticated',
          'token_not_valid',
          'user_not_found',
          'user_inactive',
          'invalid_credentials',
          'token_user_mismatch',
          'throttled',
          'overloaded',
          'database_unavailable',
        ],
      },
    },
    validatorCompiler: anyBody,
    // The original API refuses a bad token before it reads the body.
    onRequest: authenticateBearer,
    async handler(request) {
      await checkBody(request)
      return { message: 'User authenticated successfully' }
    },
  })

  /** A missing or other scheme is refused later, after the credentials in the body, as in the original API. */
  async function authenticateBearer(request: FastifyRequest): Promise<void> {
    try {
      await app.authenticateAny(request)
    } catch (error) {
      if (!(error instanceof Problem && error.code === 'not_authenticated')) throw error
    }
  }

  /** The checks have the order of the original API: where several fail, a client sees the error of the first. */
  async function checkBody(request: FastifyRequest): Promise<void> {
    const owner = hasCredentials(request.body) ? await checkOwner(request) : undefined
    if (!request.bearer) throw missingToken(request, owner !== undefined)
    if (owner !== undefined && owner !== request.bearer.id) {
      throw messageProblem('token_user_mismatch', 'Token does not belong to the authenticated user')
    }
  }

  async function checkOwner(request: FastifyRequest): Promise<number> {
    const credentials = looseCredentials(request.body)
    const deviceToken = deviceTokenOf(request)
    const user = credentials && (await checkCredentials(app, originOf(request), { ...credentials, deviceToken }))
    if (user === undefined) throw messageProblem('invalid_credentials', 'Invalid username or password')
    return user.id
  }
}

/** The problem of a request without a bearer token. A token without a scheme has an error of its own. */
function missingToken({ headers }: FastifyRequest, hasOwner: boolean): Problem {
  const header = headers.authorization ?? ''
  if (header !== '' && !header.includes(' ')) {
    return messageProblem('bad_authorization_header', "Invalid Authorization header format. Expected 'Bearer <token>'.", 400)
  }
  if (hasOwner) return messageProblem('authorization_header_required', 'Authorization header is required')
  return notAuthenticated()
}

export default routes
