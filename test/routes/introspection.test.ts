import { generateKeyPairSync } from 'node:crypto'
import type { LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import { type ClientCredentials, createClient, revokeClient } from '../../domain/accounts/clients.ts'
import { basic, build, claimsOf, headerOf, logIn, post, register, START, type TestApp } from '../helper.ts'
import { segment, signed } from '../wire/forge.ts'
import { FORM, INTROSPECT, postForm, postRaw, REFRESH, VERIFY } from '../wire/wire.ts'

const NOW = START / 1000

interface Asked {
  readonly app: TestApp
  readonly client: ClientCredentials
  readonly access: string
  readonly refresh: string
  /** Introspects a token as the client. */
  ask(token: string): Promise<LightMyRequestResponse>
}

/** An app with a client, and a user who is logged in. */
async function asked(t: Test, env: Record<string, string> = {}): Promise<Asked> {
  const app = await build(t, env)
  await register(app)
  const client = await createClient(app, 'api')
  return { app, client, ...(await logIn(app)), ask: (token) => postForm(app, INTROSPECT, { token }, basic(client)) }
}

/** Status, whole body as text, challenge and cacheability. */
function answerOf({ statusCode: status, body, headers }: LightMyRequestResponse) {
  return { status, body, challenge: headers['www-authenticate'], cache: headers['cache-control'] }
}

const answer = (body: object) => ({ status: 200, body: JSON.stringify(body), challenge: undefined, cache: 'no-store' })
const inactive = answer({ active: false })

function refused(status: number, title: string, code: string, detail: string, challenge?: string) {
  return { status, body: JSON.stringify({ title, status, detail, code, error: code }), challenge, cache: 'no-store' }
}
const noClient = refused(401, 'Unauthorized', 'invalid_client', 'Client authentication failed.', 'Basic realm="api"')
const noToken = refused(400, 'Bad Request', 'invalid_request', 'The parameter `token` is missing.')
const twoWays = refused(
  400,
  'Bad Request',
  'invalid_request',
  'A client authenticates by the Authorization header or in the body, not by both.',
)

t.test('a live access token is answered with exactly these members', async (t) => {
  const { ask, access } = await asked(t)
  const common = { active: true, sub: '1', username: 'alice', exp: NOW + 300, iat: NOW, iss: 'http://localhost:3000' }
  t.strictSame(answerOf(await ask(access)), answer({ ...common, jti: claimsOf(access).jti, sid: '1', token_type: 'access' }))
})

t.test('a live refresh token is answered with the same members, and token_type refresh', async (t) => {
  const { ask, refresh } = await asked(t)
  const common = { active: true, sub: '1', username: 'alice', exp: NOW + 86_400, iat: NOW, iss: 'http://localhost:3000' }
  t.strictSame(answerOf(await ask(refresh)), answer({ ...common, jti: claimsOf(refresh).jti, sid: '1', token_type: 'refresh' }))
})

t.test('the answer has aud when JWT_AUDIENCE is set', async (t) => {
  const { ask, access } = await asked(t, { JWT_AUDIENCE: 'shop', JWT_ISSUER: 'https://auth.example.com' })
  t.match((await ask(access)).json(), { active: true, iss: 'https://auth.example.com', aud: 'shop' })
})

t.test('a token of a previous issuer is answered with that issuer', async (t) => {
  const { app, ask, access } = await asked(t, { JWT_PREVIOUS_ISSUERS: 'https://old.example.com' })
  const token = app.keys.current.sign({ ...claimsOf(access), iss: 'https://old.example.com' } as never)
  t.match((await ask(token)).json(), { active: true, iss: 'https://old.example.com' })
})

/** What happens after a login, and the token that is asked about then. */
const INACTIVE: Readonly<Record<string, (asked: Asked) => unknown>> = {
  'an expired access token': ({ app, access }) => {
    app.clock.advance(300)
    return access
  },
  'an expired refresh token': ({ app, refresh }) => {
    app.clock.advance(86_400)
    return refresh
  },
  'a token of another key': ({ access }) => forged(access, claimsOf(access)),
  'a token of another key with another user': ({ access }) => forged(access, { ...claimsOf(access), sub: '2', user_id: 2 }),
  'a token without a signature': ({ access }) => `${access.slice(0, access.lastIndexOf('.'))}.`,
  'a token whose payload was changed': ({ access }) => {
    const [header, , signature] = access.split('.')
    return [header, segment(JSON.stringify({ ...claimsOf(access), exp: NOW + 3000 })), signature].join('.')
  },
  'a token of an ended session': async ({ app, access }) => {
    await app.db.write((handle) => handle.updateTable('sessions').set({ ended_at: app.clock(), end_reason: 'logout' }).execute())
    return access
  },
  'a token of a session that is gone': async ({ app, refresh }) => {
    await app.db.write((handle) => handle.deleteFrom('sessions').execute())
    return refresh
  },
  'a token of a disabled user': async ({ app, access }) => {
    await app.db.write((handle) => handle.updateTable('users').set({ is_active: 0 }).execute())
    return access
  },
  'a token of a deleted user': async ({ app, access }) => {
    await app.db.write((handle) => handle.deleteFrom('users').execute())
    return access
  },
  'a refresh token that was replaced longer ago than the grace': async ({ app, refresh }) => {
    await post(app, REFRESH, { refresh })
    app.clock.advance(31)
    return refresh
  },
  'a token within white space': ({ access }) => ` ${access} `,
  'white space': () => ' ',
  garbage: () => 'garbage',
  'three empty segments': () => '..',
  'NUL and lone surrogates': () => '\0\ud800',
  '8 kB of junk': () => 'x'.repeat(8192),
  '8 kB of what could be a token': () => `${segment('{"alg":"ES256"}')}.${'A'.repeat(8000)}.${'A'.repeat(86)}`,
}

function forged(token: string, claims: object): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return signed(`${segment(JSON.stringify(headerOf(token)))}.${segment(JSON.stringify(claims))}`, privateKey)
}

for (const [what, happen] of Object.entries(INACTIVE)) {
  t.test(`${what} is answered with active: false and nothing else`, async (t) => {
    const all = await asked(t)
    t.match((await all.ask(all.access)).json(), { active: true }, 'the access token was live before')
    t.match((await all.ask(all.refresh)).json(), { active: true }, 'the refresh token too')
    const token = (await happen(all)) as string
    t.strictSame(answerOf(await all.ask(token)), inactive, 'as a form')
    t.strictSame(answerOf(await post(all.app, INTROSPECT, { token }, basic(all.client))), inactive, 'as JSON')
  })
}

t.test('a replaced refresh token is active within the grace, and introspecting it later ends no session', async (t) => {
  const { app, ask, refresh } = await asked(t)
  const next = (await post(app, REFRESH, { refresh })).json()
  app.clock.advance(30)
  t.match((await ask(refresh)).json(), { active: true, jti: claimsOf(refresh).jti })
  app.clock.advance(1)
  t.strictSame(answerOf(await ask(refresh)), inactive)
  t.equal((await post(app, VERIFY, { token: next.access })).statusCode, 200)
})

t.test('the type of a token is found with every token_type_hint', async (t) => {
  const { app, client, access, refresh } = await asked(t)
  for (const token_type_hint of ['access_token', 'refresh_token', 'id_token', '']) {
    t.match((await postForm(app, INTROSPECT, { token: access, token_type_hint }, basic(client))).json(), { token_type: 'access' })
    t.match((await postForm(app, INTROSPECT, { token: refresh, token_type_hint }, basic(client))).json(), { token_type: 'refresh' })
  }
})

/** A Basic header of these two parts, unescaped. */
const header = (id: string, secret: string, scheme = 'Basic') => ({
  authorization: `${scheme} ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
})
const escaped = (text: string) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')

t.test('a client can authenticate by HTTP Basic, with form-urlencoded parts and the scheme in any case', async (t) => {
  const { app, client, access } = await asked(t)
  const { clientId: id, clientSecret: secret } = client
  for (const headers of [
    header(id, secret),
    header(id, secret, 'BASIC'),
    header(id, secret, 'basic  '),
    header(escaped(id), escaped(secret)),
  ]) {
    t.match((await postForm(app, INTROSPECT, { token: access }, headers)).json(), { active: true }, headers.authorization)
  }
})

t.test('a client can authenticate in the body, as a form or JSON', async (t) => {
  const { app, client, access } = await asked(t)
  const body = { token: access, client_id: client.clientId, client_secret: client.clientSecret }
  t.match((await postForm(app, INTROSPECT, body)).json(), { active: true })
  t.match((await post(app, INTROSPECT, body)).json(), { active: true })
  t.match((await post(app, INTROSPECT, body, { authorization: 'Bearer x' })).json(), { active: true }, 'another scheme is no header')
})

t.test('a client_id without a secret is allowed in the body beside the header of the same client', async (t) => {
  const { app, client, access } = await asked(t)
  const body = { token: access, client_id: client.clientId, client_secret: '' }
  t.match((await postForm(app, INTROSPECT, body, basic(client))).json(), { active: true })
})

t.test('a client that authenticates in two ways at once is 400 before anything is compared', async (t) => {
  const { app, client, access } = await asked(t)
  const { clientId: client_id, clientSecret: client_secret } = client
  for (const body of [{ client_id, client_secret }, { client_secret }, { client_id: 'another' }, { client_secret: 'wrong' }]) {
    t.strictSame(answerOf(await postForm(app, INTROSPECT, { token: access, ...body }, basic(client))), twoWays)
    t.strictSame(answerOf(await postForm(app, INTROSPECT, { token: access, ...body }, header('a', 'b'))), twoWays)
  }
})

t.test('every failed client authentication gets the same answer', async (t) => {
  const { app, client, access } = await asked(t)
  const other = await createClient(app, 'other')
  const revoked = await createClient(app, 'revoked')
  await revokeClient(app, revoked.clientId)
  const { clientId: id, clientSecret: secret } = client
  const headers: (Record<string, string> | undefined)[] = [
    undefined,
    basic(revoked),
    header('unknown', secret),
    header(id, ''),
    header(id, 'wrong'),
    header(id, `${secret}x`),
    header(id, secret.slice(0, -1)),
    header(id, secret.toLowerCase()),
    header(id, other.clientSecret),
    header(id.toUpperCase(), secret),
    header('', ''),
    header(secret, id),
    header(id, '%zz'),
    header('\0', secret),
    { authorization: 'Basic' },
    { authorization: 'Basic ~~~' },
    { authorization: `Basic ${Buffer.from(id).toString('base64')}` },
    { authorization: `${header(id, secret).authorization} more` },
    { authorization: `Bearer ${access}` },
    { authorization: header(id, secret).authorization.replace('Basic ', '') },
  ]
  for (const one of headers) {
    t.strictSame(answerOf(await postForm(app, INTROSPECT, { token: access }, one)), noClient, one?.authorization ?? 'no header')
  }
  const bodies = [
    { client_id: id },
    { client_secret: secret },
    { client_id: id, client_secret: 'wrong' },
    { client_id: id, client_secret: [secret] },
    { client_id: { id }, client_secret: secret },
    { client_id: '\ud800', client_secret: secret },
    { client_id: revoked.clientId, client_secret: revoked.clientSecret },
  ]
  for (const body of bodies) {
    t.strictSame(answerOf(await post(app, INTROSPECT, { token: access, ...body })), noClient, JSON.stringify(body))
  }
})

t.test('a revoked client is refused at once, and other clients are not', async (t) => {
  const { app, ask, client, access } = await asked(t)
  const other = await createClient(app, 'other')
  t.match((await ask(access)).json(), { active: true })
  await revokeClient(app, client.clientId)
  t.strictSame(answerOf(await ask(access)), noClient)
  t.match((await postForm(app, INTROSPECT, { token: access }, basic(other))).json(), { active: true })
})

t.test('a missing token is 400 for clients only, and 401 for others', async (t) => {
  const { app, client } = await asked(t)
  for (const body of ['', 'token=', 'token_type_hint=access_token']) {
    t.strictSame(answerOf(await postRaw(app, INTROSPECT, body, FORM, basic(client))), noToken, body)
    t.strictSame(answerOf(await postRaw(app, INTROSPECT, body, FORM)), noClient, body)
  }
  for (const body of [{}, [], null, { token: null }, { token: 7 }, { token: ['x'] }]) {
    t.strictSame(answerOf(await post(app, INTROSPECT, body, basic(client))), noToken, JSON.stringify(body))
    t.strictSame(answerOf(await post(app, INTROSPECT, body)), noClient, JSON.stringify(body))
  }
})
