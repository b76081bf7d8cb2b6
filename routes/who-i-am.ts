import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { findUserById } from '../db/users.ts'
import { instant } from '../domain/clock.ts'
import { userNotFound } from '../domain/errors.ts'
import { bearerCodes } from '../http/bearer-codes.ts'
import { Me } from '../schemas/account.ts'
import { bearerProblems } from '../schemas/problems.ts'
import { ref } from '../schemas/ref.ts'

/** Beside what is in `me.ts`, for it takes legacy tokens, too. */
const routes: FastifyPluginAsyncTypebox = async (app) => {
  app.get('/api/users/me/', {
    schema: {
      operationId: 'getMe',
      tags: ['account'],
      summary: 'Who I am',
      description: 'The user of the access token, while it and its session are good.',
      security: [{ accessToken: [] }],
      response: { 200: ref(Me) },
      problems: { examples: bearerProblems, codes: [...bearerCodes] },
    },
    preParsing: async (request) => app.authenticateAny(request),
    async handler(request) {
      const user = await findUserById(app.db.read, request.bearer.id)
      if (user === undefined) throw userNotFound()
      return { id: user.id, username: user.username, created_at: instant(user.created_at) }
    },
  })
}

export default routes
