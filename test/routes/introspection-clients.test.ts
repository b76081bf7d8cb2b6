import t from 'tap'
import { createClient, revokeClient } from '../../domain/accounts/clients.ts'
import { basic, post } from '../helper.ts'
import { FORM, INTROSPECT, postForm, postRaw } from '../wire/wire.ts'
import { answerOf, noClient, noToken, openIntrospection, twoWays } from './introspection.ts'

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
