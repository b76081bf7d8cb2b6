import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { logIn } from '../domain/accounts/log-in.ts'
import { challenge, messageProblem, Problem } from '../domain/errors.ts'
import { checkToken } from '../domain/sessions/checks.ts'
import { refreshSession } from '../domain/sessions/refresh.ts'
import { deviceTokenOf } from '../http/device-token.ts'
import { anyBody, looseRefreshToken } from '../http/loose-body.ts'
import { originOf } from '../http/origin.ts'
import { Credentials, DeviceHeaders } from '../schemas/credentials.ts'
import { credentialsProblems, refreshAndVerifyProblems, refreshProblems, verifyProblems } from '../schemas/problems.ts'
import { ref } from '../schemas/ref.ts'
import { Empty, RefreshAndVerifyAnswer, RefreshAnswer, RefreshRequest, TokenPair, VerifyRequest } from '../schemas/tokens.ts'

const routes: FastifyPluginAsyncTypebox = async (app) => {
  app.post('/api/token/', {
    config: { takesPassword: 'always' },
    schema: {
      operationId: 'obtainTokenPair',
      tags: ['tokens'],
      summary: 'Obtain a token pair',
      description: 'Starts a session and answers its tokens.',
      headers: DeviceHeaders,
      body: ref(Credentials),
      response: { 200: ref(TokenPair) },
      problems: {
        examples: credentialsProblems,
        codes: ['invalid', 'cross_site', 'no_active_account', 'throttled', 'overloaded', 'database_unavailable'],
      },
    },
    async handler(request) {
      const login = await logIn(app, originOf(request), { ...request.body, deviceToken: deviceTokenOf(request) })
      if (login.kind === 'granted') return login.tokens
      throw new Problem('no_active_account', 'No active account found with the given credentials', { headers: challenge })
    },
  })

  app.post('/api/token/refresh/', {
    config: { isLimitedByAddress: true },
    schema: {
      operationId: 'refreshToken',
      tags: ['tokens'],
      summary: 'Refresh a session',
      description:
        'Answers a new access token and, with rotation on, the refresh token that replaces the one sent. ' +
        'A token replaced moments ago is answered with its successor; one replaced longer ago ends the session.',
      body: ref(RefreshRequest),
      response: { 200: ref(RefreshAnswer) },
      problems: {
        examples: refreshProblems,
        codes: ['invalid', 'token_not_valid', 'no_active_account', 'throttled', 'overloaded', 'database_unavailable'],
      },
    },
    async handler(request) {
      return refreshSession(app, originOf(request), request.body.refresh)
    },
  })

  app.post('/api/token/verify/', {
    config: { isLimitedByAddress: true },
    schema: {
      operationId: 'verifyToken',
      tags: ['tokens'],
      summary: 'Verify a token',
      description: 'Tells whether an access or refresh token is good now: its session has not ended, and its user is active.',
      body: ref(VerifyRequest),
      response: { 200: ref(Empty) },
      problems: { examples: verifyProblems, codes: ['invalid', 'token_not_valid', 'throttled', 'database_unavailable'] },
    },
    async handler(request) {
      await checkToken(app, request.body.token)
      return {}
    },
  })

  app.post('/api/token/refresh-and-verify/', {
    config: { isLimitedByAddress: true },
    schema: {
      operationId: 'refreshAndVerifyToken',
      tags: ['tokens'],
      summary: 'Refresh a session, in other words',
      description: 'Does what `/api/token/refresh/` does, and answers it in other members.',
      body: ref(RefreshRequest),
      response: { 200: ref(RefreshAndVerifyAnswer) },
      problems: {
        examples: refreshAndVerifyProblems,
        hasMessage: true,
        codes: ['invalid', 'token_not_valid', 'throttled', 'overloaded', 'database_unavailable'],
      },
    },
    validatorCompiler: anyBody,
    async handler(request) {
      const { access, ...rotated } = await refreshInOneText(request)
      return { message: 'Token is valid', new_access_token: access, ...rotated }
    },
  })

  /** In the original API this endpoint answers every bad token, and every bad user, with the same text. */
  async function refreshInOneText(request: FastifyRequest) {
    const refused = messageProblem('token_not_valid', 'Invalid refresh token')
    const token = looseRefreshToken(request.body)
    if (token === undefined) throw refused
    try {
      return await refreshSession(app, originOf(request), token)
    } catch (error) {
      throw error instanceof Problem && error.status === 401 ? refused : error
    }
  }
}

export default routes
