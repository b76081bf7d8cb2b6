// What an author writes on top of openapi-fetch and the types that openapi-typescript generates.
import createClient, { type Middleware } from 'openapi-fetch'
import type { components, paths } from './schema.js'

type Problem = components['schemas']['Problem']

const { LATCHKEY_URL = '', LATCHKEY_LATER_URL = '', CLIENT_ID = '', CLIENT_SECRET = '' } = process.env
const client = createClient<paths>({ baseUrl: LATCHKEY_URL })
const credentials = { username: 'testuser', password: 'securepassword' }
const wrong = { ...credentials, password: 'wrong password' }

async function tour() {
  const registered = success(await client.POST('/api/users/', { body: credentials }))
  const login = success(await client.POST('/api/users/authentication/', { body: credentials }))
  const { access, refresh } = success(await client.POST('/api/token/refresh/', { body: { refresh: login.refresh } }))
  if (refresh === undefined) throw new Error('refresh tokens do not rotate')
  const verified = await client.POST('/api/token/verify/', { body: { token: access } })
  const mine = withAuthorization(LATCHKEY_URL, `Bearer ${access}`)
  const { id, username } = success(await mine.GET('/api/users/me/'))
  const sessions = success(await mine.GET('/api/users/me/sessions/'))
  return {
    registered: registered.message,
    login: login.message,
    refreshed: access !== login.access && refresh !== login.refresh,
    verified: verified.data !== undefined,
    me: { id, username },
    sessions: { count: sessions.length, current: sessions.filter(({ current }) => current).length },
    introspected: await introspected(access),
    ...(await refusals()),
    loggedOut: (await client.POST('/api/token/blacklist/', { body: { refresh } })).data !== undefined,
    afterLogout: brief(failure(await client.POST('/api/token/verify/', { body: { token: access } }))),
    later: await later(),
  }
}

/** openapi-fetch leaves authentication to a middleware. */
function withAuthorization(baseUrl: string, authorization: string) {
  const client = createClient<paths>({ baseUrl })
  const authorize: Middleware = { onRequest: ({ request }) => request.headers.set('Authorization', authorization) }
  client.use(authorize)
  return client
}

async function introspected(token: string) {
  const service = withAuthorization(LATCHKEY_URL, `Basic ${btoa(`${CLIENT_ID}:${CLIENT_SECRET}`)}`)
  const { active, sub, aud, exp = 0, iat = 0 } = success(await service.POST('/api/token/introspect/', { body: { token } }))
  return { active, sub, audience: aud, expiresAfterIssue: exp - iat }
}

async function refusals() {
  const invalid = failure(await client.POST('/api/users/', { body: { ...credentials, username: '' } }))
  const { username, errors } = invalid
  return {
    invalid: { ...brief(invalid), username, errors },
    unauthorized: brief(failure(await client.POST('/api/users/authentication/', { body: wrong }))),
    throttled: await throttled(),
  }
}

async function throttled() {
  for (let attempt = 0; attempt < 50; attempt++) {
    const answer = await client.POST('/api/users/authentication/', { body: wrong })
    if (answer.response.status !== 429) continue
    const seconds = Number(answer.response.headers.get('Retry-After'))
    return { ...brief(failure(answer)), retryAfter: Number.isInteger(seconds) && seconds >= 1 }
  }
  throw new Error('never throttled')
}

/** What a later version of the service answers: members and codes that the generated types do not know. */
async function later() {
  const client = createClient<paths>({ baseUrl: LATCHKEY_LATER_URL })
  const body = { ...credentials, username: 'another' }
  success(await client.POST('/api/users/', { body }))
  const { access } = success(await client.POST('/api/token/', { body }))
  const { id } = success(await withAuthorization(LATCHKEY_LATER_URL, `Bearer ${access}`).GET('/api/users/me/'))
  return { id, ...brief(failure(await client.POST('/api/token/verify/', { body: { token: 'no.to.ken' } }))) }
}

function success<T>({ data, error }: { data?: T; error?: unknown }): T {
  if (data === undefined) throw new Error(`refused: ${JSON.stringify(error)}`)
  return data
}

function failure({ error }: { error?: Problem }): Problem {
  if (error === undefined) throw new Error('answered with success')
  return error
}

const brief = ({ status, code }: Problem) => ({ status, code })

console.log(JSON.stringify(await tour()))
