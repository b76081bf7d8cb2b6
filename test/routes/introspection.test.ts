import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { basic, claimsOf, headerOf, post, START } from '../helper.ts'
import { segment, signed } from '../wire/forge.ts'
import { INTROSPECT, postForm, REFRESH, VERIFY } from '../wire/wire.ts'
import { answer, answerOf, type Introspection, inactive, openIntrospection } from './introspection.ts'

const NOW = START / 1000

t.test('a live access token is answered with exactly these members', async (t) => {
  const { ask, access } = await openIntrospection(t)
  const common = { active: true, sub: '1', username: 'alice', exp: NOW + 300, iat: NOW, iss: 'http://localhost:3000' }
  t.strictSame(
    answerOf(await ask(access)),
    answer({ ...common, jti: claimsOf(access).jti, sid: claimsOf(access).sid, token_type: 'access' }),
  )
})

t.test('a live refresh token is answered with the same members, and token_type refresh, to a client that asks for one', async (t) => {
  const { askRefresh, refresh } = await openIntrospection(t)
  const common = { active: true, sub: '1', username: 'alice', exp: NOW + 86_400, iat: NOW, iss: 'http://localhost:3000' }
  t.strictSame(
    answerOf(await askRefresh(refresh)),
    answer({ ...common, jti: claimsOf(refresh).jti, sid: claimsOf(refresh).sid, token_type: 'refresh' }),
  )
})

t.test('the answer has aud when JWT_AUDIENCE is set', async (t) => {
  const { ask, access } = await openIntrospection(t, { JWT_AUDIENCE: 'shop', JWT_ISSUER: 'https://auth.example.com' })
  t.match((await ask(access)).json(), { active: true, iss: 'https://auth.example.com', aud: 'shop' })
})

t.test('a token of a previous issuer is answered with that issuer', async (t) => {
  const { app, ask, access } = await openIntrospection(t, { JWT_PREVIOUS_ISSUERS: 'https://old.example.com' })
  const token = app.keys.current.sign({ ...claimsOf(access), iss: 'https://old.example.com' } as never, 'JWT')
  t.match((await ask(token)).json(), { active: true, iss: 'https://old.example.com' })
})

/** Tokens that are inactive from the start. */
const NEVER_ACTIVE: Readonly<Record<string, (introspection: Introspection) => string>> = {
  'a token of another key': ({ access }) => forged(access, claimsOf(access)),
  'a token of another key with another user': ({ access }) => forged(access, { ...claimsOf(access), sub: '2', user_id: 2 }),
  'a token without a signature': ({ access }) => `${access.slice(0, access.lastIndexOf('.'))}.`,
  'a token whose payload was changed': ({ access }) => {
    const [header, , signature] = access.split('.')
    return [header, segment(JSON.stringify({ ...claimsOf(access), exp: NOW + 3000 })), signature].join('.')
  },
  'a token within white space': ({ access }) => ` ${access} `,
  'white space': () => ' ',
  garbage: () => 'garbage',
  'three empty segments': () => '..',
  'NUL and lone surrogates': () => '\0\ud800',
  '8 kB of junk': () => 'x'.repeat(8192),
  '8 kB of what could be a token': () => `${segment('{"alg":"ES256"}')}.${'A'.repeat(8000)}.${'A'.repeat(86)}`,
}

/** What happens after a login, and the token that is then asked about. */
const NO_LONGER_ACTIVE: Readonly<Record<string, (introspection: Introspection) => string | Promise<string>>> = {
  'an expired access token': ({ app, access }) => {
    app.clock.advance(300)
    return access
  },
  'an expired refresh token': ({ app, refresh }) => {
    app.clock.advance(86_400)
    return refresh
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
}

function forged(token: string, claims: object): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return signed(`${segment(JSON.stringify(headerOf(token)))}.${segment(JSON.stringify(claims))}`, privateKey)
}

const shared = await openIntrospection(t)
const cases = [
  ...Object.entries(NEVER_ACTIVE).map(([what, make]) => ({ what, make, open: async () => shared })),
  ...Object.entries(NO_LONGER_ACTIVE).map(([what, make]) => ({ what, make, open: openIntrospection })),
]
for (const { what, make, open } of cases) {
  t.test(`${what} is answered with active: false and nothing else`, async (t) => {
    const all = await open(t)
    t.match((await all.ask(all.access)).json(), { active: true }, 'the access token was live before')
    t.match((await all.askRefresh(all.refresh)).json(), { active: true }, 'the refresh token too')
    const token = await make(all)
    t.strictSame(answerOf(await all.ask(token)), inactive, 'as a form')
    t.strictSame(answerOf(await all.askRefresh(token)), inactive, 'as a refresh token')
    const body = { token, token_type_hint: 'refresh_token' }
    t.strictSame(answerOf(await post(all.app, INTROSPECT, body, basic(all.client))), inactive, 'as JSON')
  })
}

t.test('a replaced refresh token is active within the grace, and introspecting it later ends no session', async (t) => {
  const { app, askRefresh, refresh } = await openIntrospection(t)
  const next = (await post(app, REFRESH, { refresh })).json()
  app.clock.advance(30)
  t.match((await askRefresh(refresh)).json(), { active: true, jti: claimsOf(refresh).jti })
  app.clock.advance(1)
  t.strictSame(answerOf(await askRefresh(refresh)), inactive)
  t.equal((await post(app, VERIFY, { token: next.access })).statusCode, 200)
})

/** All hints but the one for a refresh token; undefined is none. */
const OTHER_HINTS = [undefined, '', 'access_token', 'id_token', 'refresh', 'Refresh_token', 'refresh_token ', 'refresh_token,access_token']

t.test('an access token is active with every token_type_hint, which is an optimisation (RFC 7662 §2.1)', async (t) => {
  const { app, client, access } = await openIntrospection(t)
  const form = (fields: Record<string, string>) => postForm(app, INTROSPECT, { token: access, ...fields }, basic(client))
  for (const hint of ['refresh_token', ...OTHER_HINTS]) {
    const answer = await form(hint === undefined ? {} : { token_type_hint: hint })
    t.match(answer.json(), { active: true, token_type: 'access' }, `${hint}`)
  }
})

t.test('a refresh token is not active for a client that does not ask for one, and nothing else is said of it', async (t) => {
  const { app, client, refresh } = await openIntrospection(t)
  for (const hint of OTHER_HINTS) {
    const body = { token: refresh, ...(hint !== undefined && { token_type_hint: hint }) }
    t.strictSame(answerOf(await postForm(app, INTROSPECT, body, basic(client))), inactive, `${hint}`)
  }
  for (const hint of [null, 7, true, ['refresh_token'], { refresh_token: true }]) {
    const body = { token: refresh, token_type_hint: hint }
    t.strictSame(answerOf(await post(app, INTROSPECT, body, basic(client))), inactive, JSON.stringify(hint))
  }
  t.equal((await post(app, REFRESH, { refresh })).statusCode, 200, 'its session goes on')
})

t.test('a refresh token that is introspected without its hint confirms no rotation', async (t) => {
  const { app, ask, askRefresh, refresh } = await openIntrospection(t, { REFRESH_ROTATION: 'confirmed' })
  const next = (await post(app, REFRESH, { refresh })).json()
  const rows = () => app.db.read.selectFrom('sessions').selectAll().execute()
  const before = await rows()
  t.strictSame(answerOf(await ask(next.refresh)), inactive)
  t.strictSame(await rows(), before)
  app.clock.advance(3600)
  t.equal((await post(app, REFRESH, { refresh })).statusCode, 200, 'the token before is not replaced')
  t.match((await askRefresh(next.refresh)).json(), { active: true })
  t.match(await rows(), [{ pending_jti: null }], 'with its hint it does')
})
