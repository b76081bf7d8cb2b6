// What an author writes on top of a client that hey-api generates.
import { createClient } from './client/client/index.js'
import {
  blacklistToken,
  getMe,
  introspectToken,
  listMySessions,
  logIn,
  obtainTokenPair,
  type Problem,
  refreshToken,
  registerUser,
  verifyToken,
} from './client/index.js'

const { LATCHKEY_URL = '', LATCHKEY_LATER_URL = '', CLIENT_ID = '', CLIENT_SECRET = '' } = process.env
const client = createClient({ baseUrl: LATCHKEY_URL })
const credentials = { username: 'testuser', password: 'securepassword' }
const wrong = { ...credentials, password: 'wrong password' }

async function tour() {
  const registered = success(await registerUser({ client, body: credentials }))
  const login = success(await logIn({ client, body: credentials }))
  const { access, refresh } = success(await refreshToken({ client, body: { refresh: login.refresh } }))
  if (refresh === undefined) throw new Error('refresh tokens do not rotate')
  const verified = await verifyToken({ client, body: { token: access } })
  const { id, username } = success(await getMe({ client, auth: access }))
  const sessions = success(await listMySessions({ client, auth: access }))
  return {
    registered: registered.message,
    login: login.message,
    refreshed: access !== login.access && refresh !== login.refresh,
    verified: verified.data !== undefined,
    me: { id, username },
    sessions: { count: sessions.length, current: sessions.filter(({ current }) => current).length },
    introspected: await introspected(access),
    ...(await refusals()),
    loggedOut: (await blacklistToken({ client, body: { refresh } })).data !== undefined,
    afterLogout: brief(failure(await verifyToken({ client, body: { token: access } }))),
    later: await later(),
  }
}

async function introspected(token: string) {
  const auth = `${CLIENT_ID}:${CLIENT_SECRET}`
  const { active, sub, aud, exp = 0, iat = 0 } = success(await introspectToken({ client, auth, body: { token } }))
  return { active, sub, audience: aud, expiresAfterIssue: exp - iat }
}

async function refusals() {
  const invalid = failure(await registerUser({ client, body: { ...credentials, username: '' } }))
  const { username, errors } = invalid
  return {
    invalid: { ...brief(invalid), username, errors },
    unauthorized: brief(failure(await logIn({ client, body: wrong }))),
    throttled: await throttled(),
  }
}

async function throttled() {
  for (let attempt = 0; attempt < 50; attempt++) {
    const answer = await logIn({ client, body: wrong })
    if (answer.response?.status !== 429) continue
    const seconds = Number(answer.response.headers.get('Retry-After'))
    return { ...brief(failure(answer)), retryAfter: Number.isInteger(seconds) && seconds >= 1 }
  }
  throw new Error('never throttled')
}

/** What a later version of the service answers: members and codes that the generated client does not know. */
async function later() {
  const client = createClient({ baseUrl: LATCHKEY_LATER_URL })
  const body = { ...credentials, username: 'another' }
  success(await registerUser({ client, body }))
  const { access } = success(await obtainTokenPair({ client, body }))
  const { id } = success(await getMe({ client, auth: access }))
  return { id, ...brief(failure(await verifyToken({ client, body: { token: 'no.to.ken' } }))) }
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
