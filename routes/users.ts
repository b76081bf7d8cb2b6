import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { logIn } from '../domain/accounts/log-in.ts'
import { register } from '../domain/accounts/register.ts'
import { messageProblem } from '../domain/errors.ts'
import { deviceTokenOf } from '../http/device-token.ts'
import { anyBody, looseCredentials } from '../http/loose-body.ts'
import { originOf } from '../http/origin.ts'
import { Credentials, DeviceHeaders, Registered, Registration } from '../schemas/credentials.ts'
import { credentialsProblems, loginProblems } from '../schemas/problems.ts'
import { ref } from '../schemas/ref.ts'
import { LoginAnswer } from '../schemas/tokens.ts'

const routes: FastifyPluginAsyncTypebox = async (app) => {
  app.post('/api/users/', {
    config: { takesPassword: 'always' },
    schema: {
      operationId: 'registerUser',
      tags: ['users'],
      summary: 'Register a user',
      description: 'Starts no session.',
      body: ref(Registration),
      response: { 201: ref(Registered) },
      problems: {
        examples: credentialsProblems,
        codes: ['invalid', 'cross_site', 'registration_closed', 'throttled', 'overloaded', 'database_unavailable'],
      },
    },
    attachValidation: true,
    async handler(request, reply) {
      await register(app, originOf(request), request.body, request.shapeErrors())
      return reply.code(201).send({ message: 'User created successfully' })
    },
  })

  app.post('/api/users/authentication/', {
    config: { takesPassword: 'always' },
    schema: {
      operationId: 'logIn',
      tags: ['users'],
      summary: 'Log in',
      description: 'Starts a session and answers its tokens.',
      headers: DeviceHeaders,
      body: ref(Credentials),
      response: { 200: ref(LoginAnswer) },
      problems: {
        examples: loginProblems,
        hasMessage: true,
        codes: ['invalid', 'cross_site', 'invalid_credentials', 'throttled', 'overloaded', 'database_unavailable'],
      },
    },
    validatorCompiler: anyBody,
    async handler(request) {
      const credentials = looseCredentials(request.body)
      const deviceToken = deviceTokenOf(request)
      const login = credentials && (await logIn(app, originOf(request), { ...credentials, deviceToken }))
      if (login?.kind === 'granted') return { message: 'Login successful', ...login.tokens }
      throw messageProblem('invalid_credentials', 'Invalid username or password')
    },
  })
}

export default routes
