// Not on PostgreSQL: it is about HTTP, before the database is asked.
import t from 'tap'
import { build, logIn, PASSWORD, post, register, type TestApp } from '../helper.ts'
import {
  type Answer,
  answerOf,
  authenticated,
  bearerRefused,
  challenged,
  credentialsRequired,
  FALSY,
  HEADER,
  message,
  NON_OBJECTS,
  postForm,
  postRaw,
  problem,
  show,
  TRUTHY,
  wrongCredentials,
} from './wire.ts'

const twoValues = challenged(problem(401, 'bad_authorization_header', 'Authorization header must contain two space-delimited values'))
const badFormat = message(400, 'bad_authorization_header', "Invalid Authorization header format. Expected 'Bearer <token>'.")
const headerRequired = message(400, 'authorization_header_required', 'Authorization header is required')
const notAuthenticated = challenged(problem(401, 'not_authenticated', 'Authentication credentials were not provided.'))
const mismatch = message(401, 'token_user_mismatch', 'Token does not belong to the authenticated user')
const unsupported = problem(415, 'unsupported_media_type', 'Unsupported media type "text/plain" in request.')

const RIGHT = { username: 'alice', password: PASSWORD }
const WRONG = { username: 'alice', password: 'wrong horse battery' }

interface World {
  app: TestApp
  access: string
  refresh: string
}

async function world(t: Parameters<typeof build>[0]): Promise<World> {
  const app = await build(t)
  await register(app, 'alice')
  await register(app, 'bob')
  return { app, ...(await logIn(app, 'alice')) }
}

/** A header, where TOKEN stands for a good access token and REFRESH for a refresh token; undefined is none. */
function headers(authorization: string | undefined, { access, refresh }: World): Record<string, string> {
  return authorization === undefined ? {} : { authorization: authorization.replaceAll('TOKEN', access).replaceAll('REFRESH', refresh) }
}

const CASES: readonly [name: string, authorization: string | undefined, body: object, answer: Answer][] = [
  ['B7.1: Bearer alone', 'Bearer', RIGHT, twoValues],
  ['A20: Bearer alone, without a body', 'Bearer', {}, twoValues],
  ['A20: bearer alone', 'bearer', RIGHT, twoValues],
  ['A20: Bearer and spaces', 'Bearer   ', RIGHT, twoValues],
  ['B7.1: several words', 'Bearer TOKEN TOKEN', RIGHT, twoValues],
  ['A20: several words, in lower case', 'bearer TOKEN extra', {}, twoValues],
  ['B7.2: garbage', 'Bearer garbage', RIGHT, bearerRefused()],
  ['B7.2: garbage before the body', 'Bearer garbage', { username: '' }, bearerRefused()],
  ['B7.2: a refresh token', 'Bearer REFRESH', RIGHT, bearerRefused('Token has wrong type')],
  ['B7.2: a list by comma', 'Bearer TOKEN,TOKEN', RIGHT, bearerRefused()],
  ['B7.8: wrong credentials, a good token', 'Bearer TOKEN', WRONG, wrongCredentials],
  ['B7.8: credentials of an unknown user, a good token', 'Bearer TOKEN', { ...RIGHT, username: 'nobody' }, wrongCredentials],
  ['B7.8: a padded password', 'Bearer TOKEN', { ...RIGHT, password: `${PASSWORD} ` }, wrongCredentials],
  ['A5: a padded username', 'Bearer TOKEN', { ...RIGHT, username: ' alice\n' }, authenticated],
  ['B7.8: wrong credentials before no header', undefined, WRONG, wrongCredentials],
  ['B7.8: wrong credentials before a raw token', 'TOKEN', WRONG, wrongCredentials],
  ['B7.9: no header, right credentials', undefined, RIGHT, headerRequired],
  ['B7.9: a blank header', '', RIGHT, headerRequired],
  ['B7.10: a raw token', 'TOKEN', RIGHT, badFormat],
  ['A20: a raw token, without a body', 'TOKEN', {}, badFormat],
  ['B7.10: a tab for the space', 'Bearer\tTOKEN', RIGHT, badFormat],
  ['B7.10: another scheme alone', 'Basic', RIGHT, badFormat],
  ['B7.12: a token of another user', 'Bearer TOKEN', { ...RIGHT, username: 'bob' }, mismatch],
  ['B7.13: token and credentials of one user', 'Bearer TOKEN', RIGHT, authenticated],
  ['A19: the header alone', 'Bearer TOKEN', {}, authenticated],
  ['A19: neither member', 'Bearer TOKEN', { other: 1, Username: 'alice' }, authenticated],
  ['A19: only a username', 'Bearer TOKEN', { username: 'alice' }, credentialsRequired],
  ['A19: only a password', 'Bearer TOKEN', { password: PASSWORD }, credentialsRequired],
  ['A19: only a wrong password', 'Bearer TOKEN', { password: 'x' }, credentialsRequired],
  ['B7.7: one of the two, no header', undefined, { username: 'alice' }, credentialsRequired],
  ['B7.7: one of the two, a raw token', 'TOKEN', { password: PASSWORD }, credentialsRequired],
  ['A20: bearer in lower case', 'bearer TOKEN', {}, authenticated],
  ['A20: BEARER in capitals', 'BEARER TOKEN', RIGHT, authenticated],
  ['A20: a run of spaces', 'Bearer     TOKEN', {}, authenticated],
  ...['Token', 'JWT', 'Basic', 'Bearer:', 'Bearers', 'DPoP'].flatMap((scheme): [string, string, object, Answer][] => [
    [`A20: ${scheme} counts as no header`, `${scheme} TOKEN`, {}, notAuthenticated],
    [`A20: ${scheme}, with credentials`, `${scheme} TOKEN`, RIGHT, headerRequired],
    [`A20: ${scheme} and garbage, with credentials`, `${scheme} garbage  garbage`, RIGHT, headerRequired],
    [`A20: ${scheme}, with wrong credentials`, `${scheme} TOKEN`, WRONG, wrongCredentials],
  ]),
  ['A21: no header, {}', undefined, {}, notAuthenticated],
  ['A21: a blank header, {}', '', {}, notAuthenticated],
  ['A21: no header, neither member', undefined, { other: 1 }, notAuthenticated],
]

t.test('B7, A19, A20, A21: the header and the body are checked in the documented order', async (t) => {
  const here = await world(t)
  for (const [name, authorization, body, answer] of CASES) {
    t.strictSame(answerOf(await post(here.app, HEADER, body, headers(authorization, here))), answer, name)
  }
})

t.test('B7.7, A4: a falsy username or password counts as missing, and another non-string as wrong', async (t) => {
  const here = await world(t)
  const bearer = headers('Bearer TOKEN', here)
  for (const value of [...FALSY, ' ']) {
    t.strictSame(
      answerOf(await post(here.app, HEADER, { ...RIGHT, username: value }, bearer)),
      credentialsRequired,
      `username ${show(value)}`,
    )
  }
  for (const value of FALSY) {
    t.strictSame(
      answerOf(await post(here.app, HEADER, { ...RIGHT, password: value }, bearer)),
      credentialsRequired,
      `password ${show(value)}`,
    )
    t.strictSame(
      answerOf(await post(here.app, HEADER, { username: value, password: value }, bearer)),
      credentialsRequired,
      `both ${show(value)}`,
    )
    t.strictSame(answerOf(await post(here.app, HEADER, { username: value })), credentialsRequired, `only ${show(value)}, no header`)
  }
  for (const value of [...TRUTHY, 'a\0', 'a\ud800', 'a'.repeat(15_000)]) {
    t.strictSame(answerOf(await post(here.app, HEADER, { ...RIGHT, username: value }, bearer)), wrongCredentials, `username ${show(value)}`)
    t.strictSame(answerOf(await post(here.app, HEADER, { ...RIGHT, password: value }, bearer)), wrongCredentials, `password ${show(value)}`)
  }
})

t.test('A4, A19, A21: without a body, or with one that is empty or no object, the header alone decides', async (t) => {
  const here = await world(t)
  const bodies: [string | undefined, string | undefined][] = [
    [undefined, undefined],
    ['', 'application/json'],
    ['', 'text/plain'],
    ...NON_OBJECTS.map(([json]): [string, string] => [json, 'application/json']),
  ]
  for (const [body, type] of bodies) {
    const name = `${body?.slice(0, 20)} ${type}`
    t.strictSame(answerOf(await postRaw(here.app, HEADER, body, type, headers('Bearer TOKEN', here))), authenticated, name)
    t.strictSame(answerOf(await postRaw(here.app, HEADER, body, type)), notAuthenticated, `${name}, no header`)
    t.strictSame(answerOf(await postRaw(here.app, HEADER, body, type, headers('TOKEN', here))), badFormat, `${name}, a raw token`)
  }
})

t.test('B7.2, B7.6: a bad token is refused before the body is read, and a bad body before the credentials are checked', async (t) => {
  const here = await world(t)
  for (const [body, type, status] of [
    ['{', 'application/json', 400],
    ['x', 'text/plain', 415],
  ] as const) {
    for (const bad of ['Bearer garbage', 'Bearer REFRESH', 'Bearer']) {
      const answer = answerOf(await postRaw(here.app, HEADER, body, type, headers(bad, here)))
      t.match(answer, { status: 401, challenge: 'Bearer realm="api"' }, `${bad}, ${type}`)
    }
    for (const fine of ['Bearer TOKEN', undefined, 'TOKEN']) {
      t.equal((await postRaw(here.app, HEADER, body, type, headers(fine, here))).statusCode, status, `${fine}, ${type}`)
    }
  }
  t.strictSame(answerOf(await postRaw(here.app, HEADER, 'x', 'text/plain', headers('Bearer TOKEN', here))), unsupported)
})

t.test('B7: a token of a disabled or deleted user is refused before the body is read', async (t) => {
  const here = await world(t)
  await here.app.db.write((handle) => handle.updateTable('users').set({ is_active: 0 }).where('username', '=', 'alice').execute())
  const inactive = challenged(problem(401, 'user_inactive', 'User is inactive'))
  t.strictSame(answerOf(await postRaw(here.app, HEADER, '{', 'application/json', headers('Bearer TOKEN', here))), inactive)
  await here.app.db.write((handle) => handle.deleteFrom('users').where('username', '=', 'alice').execute())
  const notFound = challenged(problem(401, 'user_not_found', 'User not found'))
  t.strictSame(answerOf(await post(here.app, HEADER, WRONG, headers('Bearer TOKEN', here))), notFound)
})

t.test('A8, A19: a form is read as a JSON object', async (t) => {
  const here = await world(t)
  const bearer = headers('Bearer TOKEN', here)
  t.strictSame(answerOf(await postForm(here.app, HEADER, RIGHT, bearer)), authenticated)
  t.strictSame(answerOf(await postForm(here.app, HEADER, { other: '1' }, bearer)), authenticated)
  t.strictSame(answerOf(await postForm(here.app, HEADER, { username: '', password: '' }, bearer)), credentialsRequired)
  t.strictSame(answerOf(await postForm(here.app, HEADER, WRONG, bearer)), wrongCredentials)
})
