import t from 'tap'
import { createClient, revokeClient } from '../../domain/accounts/clients.ts'
import { basic, post } from '../helper.ts'
import { FORM, INTROSPECT, postForm, postRaw } from '../wire/wire.ts'
import { answerOf, noClient, noToken, openIntrospection, repeated, twoWays } from './introspection.ts'

/** A Basic header of these two parts, unescaped. */
const header = (id: string, secret: string, scheme = 'Basic') => ({
  authorization: `${scheme} ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
})
const escaped = (text: string) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')

t.test('a client can authenticate by HTTP Basic, with form-urlencoded parts and the scheme in any case', async (t) => {
  const { app, client, access } = await openIntrospection(t)
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
  const { app, client, access } = await openIntrospection(t)
  const body = { token: access, client_id: client.clientId, client_secret: client.clientSecret }
  t.match((await postForm(app, INTROSPECT, body)).json(), { active: true })
  t.match((await post(app, INTROSPECT, body)).json(), { active: true })
  t.match((await post(app, INTROSPECT, body, { authorization: 'Bearer x' })).json(), { active: true }, 'another scheme is no header')
})

t.test('a client_id without a secret is allowed in the body beside the header of the same client', async (t) => {
  const { app, client, access } = await openIntrospection(t)
  const body = { token: access, client_id: client.clientId, client_secret: '' }
  t.match((await postForm(app, INTROSPECT, body, basic(client))).json(), { active: true })
})

t.test('a client that authenticates in two ways at once is 400 before anything is compared', async (t) => {
  const { app, client, access } = await openIntrospection(t)
  const { clientId: client_id, clientSecret: client_secret } = client
  for (const body of [{ client_id, client_secret }, { client_secret }, { client_id: 'another' }, { client_secret: 'wrong' }]) {
    t.strictSame(answerOf(await postForm(app, INTROSPECT, { token: access, ...body }, basic(client))), twoWays)
    t.strictSame(answerOf(await postForm(app, INTROSPECT, { token: access, ...body }, header('a', 'b'))), twoWays)
  }
})

t.test('every failed client authentication gets the same answer', async (t) => {
  const { app, client, access } = await openIntrospection(t)
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
  const { app, ask, client, access } = await openIntrospection(t)
  const other = await createClient(app, 'other')
  t.match((await ask(access)).json(), { active: true })
  await revokeClient(app, client.clientId)
  t.strictSame(answerOf(await ask(access)), noClient)
  t.match((await postForm(app, INTROSPECT, { token: access }, basic(other))).json(), { active: true })
})

t.test('a missing token is 400 for clients only, and 401 for others', async (t) => {
  const { app, client } = await openIntrospection(t)
  for (const body of ['', 'token=', 'token_type_hint=access_token']) {
    t.strictSame(answerOf(await postRaw(app, INTROSPECT, body, FORM, basic(client))), noToken, body)
    t.strictSame(answerOf(await postRaw(app, INTROSPECT, body, FORM)), noClient, body)
  }
  for (const body of [{}, [], null, { token: null }, { token: 7 }, { token: ['x'] }]) {
    t.strictSame(answerOf(await post(app, INTROSPECT, body, basic(client))), noToken, JSON.stringify(body))
    t.strictSame(answerOf(await post(app, INTROSPECT, body)), noClient, JSON.stringify(body))
  }
})

t.test('RFC 6749 §3.1: a parameter that comes twice in a form is 400, whichever it is and whoever asks', async (t) => {
  const { app, client, access } = await openIntrospection(t)
  const { clientId, clientSecret } = client
  const inBody = `token=${access}&client_id=${clientId}&client_secret=${clientSecret}`
  const bodies = [
    `token=${access}&token=${access}`,
    `token=&token=${access}`,
    `token=${access}&token`,
    `token=${access}&%74oken=x`,
    `token=${access}&token_type_hint=access_token&token_type_hint=refresh_token`,
    `token=${access}&unknown=1&unknown=2`,
    `token=${access}&__proto__=1&__proto__=2`,
    'unknown=&unknown=',
    `${inBody}&client_id=${clientId}`,
    `${inBody}&client_secret=${clientSecret}`,
    `${inBody}&client_secret=`,
  ]
  for (const body of bodies) {
    for (const headers of [basic(client), header(clientId, 'wrong'), {}]) {
      t.strictSame(answerOf(await postRaw(app, INTROSPECT, body, FORM, headers)), repeated, body)
    }
  }
  t.match((await postRaw(app, INTROSPECT, inBody, FORM)).json(), { active: true }, 'once each')
  t.match((await postRaw(app, INTROSPECT, `token=${access}&Token=x&unknown=`, FORM, basic(client))).json(), { active: true })
})

t.test('of a member that comes twice in JSON the last counts, as everywhere', async (t) => {
  const { app, client, access } = await openIntrospection(t)
  const answer = await postRaw(app, INTROSPECT, `{"token":"x","token":"${access}"}`, 'application/json', basic(client))
  t.match(answer.json(), { active: true })
})
