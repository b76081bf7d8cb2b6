import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { User as UserRow } from '../db/schema.ts'
import { findUserById } from '../db/users.ts'
import { authorize } from '../domain/accounts/authorize.ts'
import { changeUser, createUser, deleteUser, needOf, setPassword } from '../domain/accounts/users.ts'
import { listUsers } from '../domain/accounts/users-list.ts'
import { instant } from '../domain/clock.ts'
import { notFound } from '../domain/errors.ts'
import { bearerCodes } from '../http/bearer-codes.ts'
import { deviceTokenOf } from '../http/device-token.ts'
import { ID, readText } from '../http/from-text.ts'
import { originOf } from '../http/origin.ts'
import { PasswordSetting, User, UserChange, UserCreation, UserDeletion, UserPage, UserPath, UserQuery } from '../schemas/administration.ts'
import { DeviceHeaders } from '../schemas/credentials.ts'
import { bearerProblems, listProblems, passwordChangeProblems } from '../schemas/problems.ts'
import { ref } from '../schemas/ref.ts'
import { Empty } from '../schemas/tokens.ts'

const LIMIT = 50
const staffCodes = [...bearerCodes, 'permission_denied'] as const
const confirmedCodes = [...staffCodes, 'invalid', 'cross_site', 'throttled', 'overloaded'] as const

/** What staff sees of users, and does to them. Who is staff is read at each request. */
const routes: FastifyPluginAsyncTypebox = async (app) => {
  const common = { tags: ['administration'], security: [{ accessToken: [] }] }
  const confirmed = { ...common, headers: DeviceHeaders }
  const forSuperusers = { preParsing: app.authenticateSuperuser, config: { takesPassword: 'always' } } as const

  app.addHook('preValidation', readText)

  app.get('/api/users/', {
    preParsing: app.authenticateStaff,
    schema: {
      operationId: 'listUsers',
      summary: 'Users',
      description: 'By name, a page at a time. For staff.',
      ...common,
      querystring: UserQuery,
      response: { 200: ref(UserPage) },
      problems: { examples: listProblems, codes: [...staffCodes, 'invalid'] },
    },
    async handler({ query }) {
      const { search, is_active: isActive, is_staff: isStaff, is_superuser: isSuperuser, limit = LIMIT, cursor } = query
      const { results, next } = await listUsers(app, { search, isActive, isStaff, isSuperuser, limit, cursor })
      return { results: results.map(shown), next }
    },
  })

  app.get(`/api/users/:id${ID}/`, {
    preParsing: app.authenticateStaff,
    schema: {
      operationId: 'getUser',
      summary: 'A user',
      description: 'For staff.',
      ...common,
      params: UserPath,
      response: { 200: ref(User) },
      problems: { examples: bearerProblems, codes: [...staffCodes, 'not_found'] },
    },
    async handler({ params }) {
      const user = await findUserById(app.db.read, params.id)
      if (user === undefined) throw notFound()
      return shown(user)
    },
  })

  app.post('/api/users/create/', {
    ...forSuperusers,
    schema: {
      operationId: 'createUser',
      summary: 'Create a user',
      description: 'Also while registration is closed. For superusers who are staff.',
      ...confirmed,
      body: ref(UserCreation),
      response: { 201: ref(User) },
      problems: { examples: passwordChangeProblems, codes: confirmedCodes },
    },
    async handler(request, reply) {
      const { username, password, is_staff: isStaff, is_superuser: isSuperuser, current_password } = request.body
      const admin = await authorized(request, { need: 'superuser', currentPassword: current_password })
      return reply.code(201).send(shown(await createUser(app, admin, { username, password, isStaff, isSuperuser })))
    },
  })

  app.patch(`/api/users/:id${ID}/`, {
    preParsing: app.authenticateStaff,
    config: { takesPassword: 'always' },
    schema: {
      operationId: 'changeUser',
      summary: 'Change a user',
      description:
        'All that is given, or nothing when a part of it is refused. Staff may change `is_active` of users who are neither staff nor ' +
        'superusers; all else is for superusers who are staff, with their own `current_password`. Nobody changes their own flags, and ' +
        'the last active superuser stays one.',
      ...confirmed,
      params: UserPath,
      body: ref(UserChange),
      response: { 200: ref(User) },
      problems: { examples: passwordChangeProblems, codes: [...confirmedCodes, 'not_found', 'conflict'] },
    },
    async handler(request) {
      const { username, is_active: isActive, is_staff: isStaff, is_superuser: isSuperuser, current_password } = request.body
      const changes = { username, isActive, isStaff, isSuperuser }
      const { id: userId } = request.params
      const admin = await authorized(request, { need: needOf(changes), userId, currentPassword: current_password })
      return shown((await changeUser(app, admin, userId, changes)).user)
    },
  })

  app.post(`/api/users/:id${ID}/password/`, {
    ...forSuperusers,
    schema: {
      operationId: 'setUserPassword',
      summary: "Set a user's password",
      description: 'Ends all sessions of the user. For superusers who are staff.',
      ...confirmed,
      params: UserPath,
      body: ref(PasswordSetting),
      response: { 200: ref(Empty) },
      problems: { examples: passwordChangeProblems, codes: [...confirmedCodes, 'not_found'] },
    },
    async handler(request) {
      const { current_password, new_password } = request.body
      const { id: userId } = request.params
      await setPassword(
        app,
        await authorized(request, { need: 'superuser', userId, currentPassword: current_password }),
        userId,
        new_password,
      )
      return {}
    },
  })

  app.post(`/api/users/:id${ID}/delete/`, {
    ...forSuperusers,
    schema: {
      operationId: 'deleteUser',
      summary: 'Delete a user',
      description: 'With all sessions; the events stay. For superusers who are staff, and not the last active one.',
      ...confirmed,
      params: UserPath,
      body: ref(UserDeletion),
      response: { 200: ref(Empty) },
      problems: { examples: passwordChangeProblems, codes: [...confirmedCodes, 'not_found', 'conflict'] },
    },
    async handler(request) {
      const { id: userId } = request.params
      await deleteUser(
        app,
        await authorized(request, { need: 'superuser', userId, currentPassword: request.body.current_password }),
        userId,
      )
      return {}
    },
  })

  type Intent = Omit<Parameters<typeof authorize>[3], 'deviceToken'>

  function authorized(request: FastifyRequest, intent: Intent) {
    return authorize(app, originOf(request), request.staff, { ...intent, deviceToken: deviceTokenOf(request) })
  }
}

function shown({ id, username, last_login_at, is_superuser, is_active, is_staff, created_at }: UserRow): User {
  return {
    id,
    username,
    last_login: last_login_at === null ? null : instant(last_login_at),
    is_superuser: is_superuser === 1,
    is_active: is_active === 1,
    is_staff: is_staff === 1,
    date_joined: instant(created_at),
  }
}

export default routes
