// What the author of a client writes on top of the generated one. The test type-checks it, then runs it.
import { createClient } from './generated/client/index.ts'
import {
  authenticateByHeader,
  blacklistToken,
  changeMyPassword,
  changeUser,
  createUser,
  deleteMe,
  deleteUser,
  endMyOtherSessions,
  endMySession,
  endUserSession,
  endUserSessions,
  getKeys,
  getLiveness,
  getMe,
  getReadiness,
  getServerMetadata,
  getUser,
  introspectToken,
  listEvents,
  listMySessions,
  listUserSessions,
  listUsers,
  logIn,
  obtainTokenPair,
  type Problem,
  refreshAndVerifyToken,
  refreshToken,
  registerUser,
  revokeToken,
  setUserPassword,
  verifyToken,
} from './generated/index.ts'

/** What the tour needs that the API does not offer. */
export interface Operator {
  setActive(username: string, isActive: boolean): Promise<void>
  createClient(): Promise<{ clientId: string; clientSecret: string }>
  remove(username: string): Promise<void>
  promote(username: string): Promise<void>
}

interface Answer<T, E> {
  data: T | undefined
  error: E | undefined
  response?: Response | undefined
}

const credentials = { username: 'testuser', password: 'securepassword' }
const noToken = 'no.to.ken'

/** Calls every operation, and gets a success. */
export async function succeed(baseUrl: string, operator: Operator) {
  const client = createClient({ baseUrl })
  const registered = success(await registerUser({ client, body: credentials }))
  const login = success(await logIn({ client, body: credentials }))
  const pair = success(await obtainTokenPair({ client, body: credentials }))
  const refreshed = success(await refreshToken({ client, body: { refresh: pair.refresh } }))
  const again = success(await refreshAndVerifyToken({ client, body: { refresh: login.refresh } }))
  const auth = refreshed.access
  const { clientId, clientSecret } = await operator.createClient()
  const service = `${clientId}:${clientSecret}`
  const live = success(await introspectToken({ client, auth: service, body: { token: auth } }))
  const inBody = { client_id: clientId, client_secret: clientSecret }
  return {
    registered: registered.message,
    login: login.message,
    refreshed: refreshed.refresh !== undefined && refreshed.refresh !== pair.refresh,
    again: again.message,
    verified: success(await verifyToken({ client, body: { token: again.new_access_token } })),
    introspected: { username: live.username, token_type: live.token_type },
    introspectedInBody: success(await introspectToken({ client, body: { token: noToken, ...inBody } })),
    header: success(await authenticateByHeader({ client, auth })).message,
    headerAndBody: success(await authenticateByHeader({ client, auth, body: credentials })).message,
    keys: success(await getKeys({ client })).keys.map(({ alg, use }) => ({ alg, use })),
    metadata: success(await getServerMetadata({ client })).id_token_signing_alg_values_supported,
    live: success(await getLiveness({ client })).status,
    ready: success(await getReadiness({ client })).status,
    account: await succeedWithAccount(baseUrl),
    administration: await succeedWithAdministration(baseUrl, operator),
  }
}

/** Calls every operation of administration, on a user who is created and deleted by it. */
async function succeedWithAdministration(baseUrl: string, operator: Operator) {
  const client = createClient({ baseUrl })
  const body = { username: 'keeper', password: 'securepassword' }
  success(await registerUser({ client, body }))
  await operator.promote(body.username)
  const auth = success(await obtainTokenPair({ client, body })).access
  const confirmed = { current_password: body.password }
  const guest = { username: 'guest', password: 'a passing passphrase' }
  const { id, last_login } = success(await createUser({ client, auth, body: { ...guest, ...confirmed } }))
  const on = { client, auth, path: { id } }
  success(await obtainTokenPair({ client, body: guest }))
  success(await obtainTokenPair({ client, body: guest }))
  const [session] = success(await listUserSessions(on))
  const ended = await endUserSession({ client, auth, path: { id, sid: session?.id ?? '' } })
  const others = await endUserSessions(on)
  const page = success(await listUsers({ client, auth, query: { search: 'gue', is_active: true, limit: 1 } }))
  return {
    last_login,
    ended: [ended.response?.status, others.response?.status],
    sessions: success(await listUserSessions(on)).length,
    found: page.results.map(({ username }) => username),
    next: page.next,
    renamed: success(await changeUser({ ...on, body: { ...confirmed, username: 'visitor', is_staff: true } })).username,
    password: success(await setUserPassword({ ...on, body: { ...confirmed, new_password: 'another secure password' } })),
    isStaff: success(await getUser(on)).is_staff,
    deleted: success(await deleteUser({ ...on, body: confirmed })),
    events: success(await listEvents({ client, auth, query: { user: id, limit: 3 } })).results.map(({ kind }) => kind),
  }
}

/** Calls every operation of an account, from its sessions to its deletion. */
async function succeedWithAccount(baseUrl: string) {
  const client = createClient({ baseUrl })
  const body = { username: 'passing', password: 'securepassword' }
  success(await registerUser({ client, body }))
  const [mine, second, third, fourth] = [
    success(await obtainTokenPair({ client, body })),
    success(await obtainTokenPair({ client, body })),
    success(await obtainTokenPair({ client, body })),
    success(await obtainTokenPair({ client, body })),
  ]
  const auth = mine.access
  const listed = success(await listMySessions({ client, auth }))
  const other = listed.find(({ current }) => !current)
  const ended = await endMySession({ client, auth, path: { id: other?.id ?? '' } })
  const blacklisted = success(await blacklistToken({ client, body: { refresh: third.refresh } }))
  const revoked = success(await revokeToken({ client, body: { token: second.access } }))
  const next = success(
    await changeMyPassword({ client, auth, body: { current_password: body.password, new_password: 'another secure password' } }),
  )
  const others = await endMyOtherSessions({ client, auth: next.access })
  return {
    me: success(await getMe({ client, auth: next.access })).username,
    sessions: listed.length,
    ended: [ended.response?.status, others.response?.status],
    refused: [failure(await verifyToken({ client, body: { token: fourth.access } })).code, failure(await getMe({ client, auth })).code],
    blacklisted,
    revoked,
    deleted: success(await deleteMe({ client, auth: next.access, body: { password: 'another secure password' } })),
  }
}

/** Every error that a caller can cause, by operation, with its type. */
export async function fail(baseUrl: string, closedBaseUrl: string, operator: Operator) {
  const client = createClient({ baseUrl })
  const other = { username: 'someone', password: 'securepassword' }
  success(await registerUser({ client, body: other }))
  const pair = success(await obtainTokenPair({ client, body: credentials }))
  const auth = pair.access
  const wrong = { ...credentials, password: 'wrong password' }

  const taken = failure(await registerUser({ client, body: { ...credentials, password: '12345' } }))
  const fields = taken.code === 'invalid' ? { username: taken.username, password: taken.password } : undefined
  const badHeader = failure(await authenticateByHeader({ client, auth: noToken }))
  const messages = badHeader.code === 'token_not_valid' ? badHeader.messages?.map(({ message }) => message) : undefined

  const codes: Record<string, string[]> = {
    registerUser: [
      taken.code,
      failure(await registerUser({ client: createClient({ baseUrl: closedBaseUrl }), body: other })).code,
      failure(await registerUser({ client, body: { ...other, password: 'x'.repeat(20_000) } })).code,
    ],
    logIn: [
      failure(await logIn({ client, body: { username: '', password: '' } })).code,
      explain(failure(await logIn({ client, body: wrong }))),
      failure(await logIn({ client, body: wrong, bodySerializer: () => '{' })).code,
      failure(await logIn({ client, body: wrong, headers: { 'Content-Type': 'text/plain' } })).code,
    ],
    obtainTokenPair: [failure(await obtainTokenPair({ client, body: wrong })).code],
    refreshToken: [failure(await refreshToken({ client, body: { refresh: auth } })).code],
    verifyToken: [failure(await verifyToken({ client, body: { token: noToken } })).code],
    refreshAndVerifyToken: [failure(await refreshAndVerifyToken({ client, body: { refresh: noToken } })).code],
    introspectToken: [
      failure(await introspectToken({ client, auth: 'no:client', body: { token: auth } })).code,
      failure(await introspectToken({ client, auth: 'no:client', body: { token: auth, client_id: 'a', client_secret: 'b' } })).code,
    ],
    authenticateByHeader: [
      badHeader.code,
      failure(await authenticateByHeader({ client })).code,
      failure(await authenticateByHeader({ client, auth: 'two words' })).code,
      failure(await authenticateByHeader({ client, body: credentials })).code,
      failure(await authenticateByHeader({ client, auth, body: wrong })).code,
      failure(await authenticateByHeader({ client, auth, body: other })).code,
    ],
  }

  await operator.setActive(credentials.username, false)
  codes.disabled = [
    failure(await refreshToken({ client, body: { refresh: pair.refresh } })).code,
    failure(await authenticateByHeader({ client, auth })).code,
  ]
  await operator.remove(credentials.username)
  codes.deleted = [failure(await authenticateByHeader({ client, auth })).code]
  return { codes, fields, messages }
}

/** What a client does about a refused login. New codes may come: one that it does not know is taken by its status. */
function explain({ code, status }: Problem): string {
  switch (code) {
    case 'invalid':
    case 'invalid_credentials':
      return code
    default:
      return status === 429 || status === 503 ? 'try again' : 'a fault'
  }
}

function success<T, E>({ data, error }: Answer<T, E>): T {
  if (data === undefined) throw new Error(`refused: ${JSON.stringify(error)}`)
  return data
}

/** The typed error of a refused call. Checks that its status is that of the answer, and its media type that of RFC 9457. */
function failure<T, E extends { status: number }>({ error, response }: Answer<T, E>): E {
  if (error === undefined) throw new Error('answered with success')
  if (error.status !== response?.status) throw new Error(`${error.status} in the body, ${response?.status} on the wire`)
  if (!response.headers.get('content-type')?.startsWith('application/problem+json')) throw new Error('no problem document')
  return error
}
