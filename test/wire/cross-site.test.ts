// Not on PostgreSQL: tokens and headers are refused before the database is asked.
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { build, logIn, PASSWORD, register, type TestApp } from '../helper.ts'
import { type Answer, answerOf, FORM, HEADER, LOGIN, message, OBTAIN, postForm, problem, REGISTER } from './wire.ts'

const CHANGE = '/api/users/me/password/'
const DELETE = '/api/users/me/delete/'
const TEXT = 'Pages of this origin may not send passwords: it is not in CORS_ORIGINS.'
const refused = problem(403, 'cross_site', TEXT)
const refusedInMessage = message(403, 'cross_site', TEXT)

/** A path that takes a password, what is posted to it, how it is refused, and the code that it is answered with otherwise. */
interface Path {
  readonly url: string
  readonly fields: Record<string, string>
  readonly refusal: Answer
  readonly code: string
}
const WRONG = { username: 'alice', password: 'x' }
const PATHS: readonly Path[] = [
  { url: OBTAIN, fields: WRONG, refusal: refused, code: 'no_active_account' },
  { url: LOGIN, fields: WRONG, refusal: refusedInMessage, code: 'invalid_credentials' },
  { url: REGISTER, fields: WRONG, refusal: refused, code: 'invalid' },
  { url: CHANGE, fields: { current_password: 'x', new_password: 'x' }, refusal: refused, code: 'invalid' },
  { url: DELETE, fields: { password: 'x' }, refusal: refused, code: 'invalid' },
  { url: HEADER, fields: WRONG, refusal: refusedInMessage, code: 'invalid_credentials' },
]

const APP = 'https://app.example.com'
const EVIL = 'https://evil.example'
/** What a browser sends, and whether it passes. The whole table is in test/http/cross-site.test.ts. */
const ROWS: readonly [headers: Record<string, string>, passes: boolean][] = [
  [{ origin: APP }, true],
  [{ origin: APP, 'sec-fetch-site': 'cross-site' }, true],
  [{ origin: 'capacitor://localhost', 'sec-fetch-site': 'cross-site' }, true],
  [{ origin: EVIL, 'sec-fetch-site': 'cross-site' }, false],
  [{ origin: 'http://localhost', 'sec-fetch-site': 'cross-site' }, false],
  [{ 'sec-fetch-site': 'cross-site' }, false],
  [{ origin: EVIL, 'sec-fetch-site': 'same-origin' }, true],
  [{ origin: EVIL, 'sec-fetch-site': 'same-site' }, true],
  [{ origin: 'null', 'sec-fetch-site': 'none' }, true],
  [{}, true],
  [{ origin: 'http://localhost' }, true],
  [{ origin: 'https://latchkey.internal:3000', host: 'latchkey.internal:3000' }, true],
  [{ origin: 'https://auth.example.com', host: 'latchkey.internal:3000' }, true],
  [{ origin: 'https://latchkey.internal', host: 'latchkey.internal:3000' }, false],
  [{ origin: EVIL }, false],
  [{ origin: 'null' }, false],
  [{ origin: 'nonsense' }, false],
  [{ origin: EVIL, 'sec-fetch-site': 'nonsense' }, false],
]

/** An app with alice, and the header of a session of hers. */
async function withAlice(t: Test, env: Record<string, string> = {}) {
  const app = await build(t, env)
  await register(app)
  return { app, bearer: { authorization: `Bearer ${(await logIn(app)).access}` } }
}

for (const { url, fields, refusal, code } of PATHS) {
  t.test(`A32: a password that a page of another site sends to ${url} is refused, by what the browser says of the page`, async (t) => {
    const env = { LIMITS: 'off', CORS_ORIGINS: `${APP},capacitor://localhost`, PUBLIC_URL: 'https://auth.example.com' }
    const { app, bearer } = await withAlice(t, env)
    for (const [headers, passes] of ROWS) {
      const answer = await postForm(app, url, fields, { host: 'localhost', ...bearer, ...headers })
      const name = JSON.stringify(headers)
      if (passes) t.match({ status: answer.statusCode, code: answer.json().code }, { status: /^40[01]$/, code }, name)
      else t.strictSame(answerOf(answer), refusal, name)
      const { origin } = headers
      const isAllowed = origin === APP || origin === 'capacitor://localhost'
      t.equal(answer.headers['access-control-allow-origin'], isAllowed ? origin : undefined, name)
      t.equal(answer.headers.vary, 'Origin', name)
    }
  })
}

/** All that is kept of requests that guess, register or fail. */
async function kept(app: TestApp) {
  await app.refusals.flush()
  const rows = (table: 'tallies' | 'known_addresses' | 'auth_events' | 'sessions' | 'users') =>
    app.db.read.selectFrom(table).selectAll().execute()
  const tables = await Promise.all((['tallies', 'known_addresses', 'auth_events', 'sessions', 'users'] as const).map(rows))
  return { tables, limits: app.limits.stats, refusals: app.refusals.stats, hashing: app.hashing.stats }
}

for (const { url, fields, refusal } of PATHS) {
  t.test(`A32: nothing is counted of 400 passwords that a page of another site sends to ${url}`, async (t) => {
    const { app, bearer } = await withAlice(t)
    const before = await kept(app)
    for (let i = 0; i < 400; i++) {
      const answer = await postForm(app, url, fields, { ...bearer, origin: EVIL, 'sec-fetch-site': 'cross-site' })
      if (i % 100 === 0) t.strictSame([answerOf(answer), answer.headers['retry-after']], [refusal, undefined])
    }
    t.same(await kept(app), before)
    const { access } = await logIn(app)
    t.ok(access, 'the owner logs in from the same address, and others register')
    await register(app, 'bob')
  })
}

t.test('A32: a page of another site is refused before its token is looked at, and before REGISTRATION=closed', async (t) => {
  const app = await build(t, { REGISTRATION: 'closed' })
  for (const { url, fields, refusal } of PATHS) {
    const headers = { authorization: 'Bearer x', origin: EVIL }
    const answer = answerOf(await postForm(app, url, fields, headers))
    if (url !== HEADER) t.strictSame(answer, refusal, url)
    else t.match(answer, { status: 401, body: { code: 'token_not_valid' } }, 'here the token comes before the body')
  }
})

t.test('A32: a page of another site may authenticate by header without credentials', async (t) => {
  const { app, bearer } = await withAlice(t)
  const ask = async (fields: Record<string, string>) => (await postForm(app, HEADER, fields, { ...bearer, origin: EVIL })).statusCode
  t.equal(await ask({}), 200)
  t.equal(await ask({ username: 'alice' }), 403)
  t.equal(await ask({ password: PASSWORD }), 403)
})

t.test('A32: a page of CORS_ORIGINS logs in, also one without an origin where null is named', async (t) => {
  const { app } = await withAlice(t, { CORS_ORIGINS: `${APP},null` })
  for (const origin of [APP, 'null']) {
    const headers = { origin, 'sec-fetch-site': 'cross-site' }
    const answer = await postForm(app, OBTAIN, { username: 'alice', password: PASSWORD }, headers)
    t.same([answer.statusCode, answer.headers['access-control-allow-origin']], [200, origin])
  }
})

/** The operations whose body has a member that is a password. */
function passwordPaths(app: FastifyInstance & Pick<TestApp, 'apiDocument'>): { method: 'POST' | 'PATCH'; path: string }[] {
  const { paths, components } = app.apiDocument()
  const operations = Object.entries(paths).flatMap(([path, item]) => Object.entries(item).map(([method, one]) => ({ path, method, one })))
  return operations.flatMap(({ path, method, one }) => {
    const name = one.requestBody?.content['application/json']?.schema.$ref?.split('/').at(-1) ?? ''
    const members = Object.keys(components.schemas[name]?.properties ?? {})
    return members.some((member) => member.includes('password')) ? [{ method: method.toUpperCase() as 'POST' | 'PATCH', path }] : []
  })
}

/** Those of administration, which only tell whose password they take by who asks. */
const OF_STAFF = ['POST /api/users/create/', 'PATCH /api/users/{id}/', 'POST /api/users/{id}/password/', 'POST /api/users/{id}/delete/']

t.test('A32: every path whose body can have a password refuses pages of other sites', async (t) => {
  const app = await build(t)
  const paths = passwordPaths(app)
  t.same(paths.map(({ method, path }) => `${method} ${path}`).sort(), [...PATHS.map(({ url }) => `POST ${url}`), ...OF_STAFF].sort())
  for (const { method, path } of paths) {
    const headers = { 'content-type': FORM, origin: EVIL }
    const url = path.replace('{id}', '1')
    const answer = await app.inject({ method, url, headers, payload: 'username=x&password=x&current_password=x' })
    t.match({ status: answer.statusCode, code: answer.json().code }, { status: 403, code: 'cross_site' }, url)
    t.equal((await app.inject({ method, url: url.slice(0, -1), headers, payload: 'password=x' })).statusCode, 403, 'without its slash')
  }
})

t.test('A32: the origin that was refused is logged once a minute, with how many were, and cut', async (t) => {
  const app = await build(t)
  const warnings: unknown[] = []
  app.log.warn = ((...parts: unknown[]) => void warnings.push(parts)) as never
  const send = (origin: string) => postForm(app, OBTAIN, WRONG, { origin })
  await send(EVIL)
  for (let i = 0; i < 5; i++) await send(`https://${i}.example`)
  const text = 'passwords of pages of other sites were refused: CORS_ORIGINS does not name their origins'
  t.same(warnings, [[{ origin: EVIL, refused: 1 }, text]])
  app.clock.advance(60)
  await send(`https://${'x'.repeat(5000)}`)
  t.same(warnings.slice(1), [[{ origin: `https://${'x'.repeat(192)}`, refused: 6 }, text]])
})
