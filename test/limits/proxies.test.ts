// Not on PostgreSQL: whose address counts is decided before the database is asked.
import t, { type Test } from 'tap'
import { build, PASSWORD, register, type TestApp } from '../helper.ts'
import { attempt, failWithAnyName, logsIn, RIGHT, throttled } from './limits.ts'

const PROXY = '10.0.0.5'
const CLIENT = '198.51.100.7'
const X_FORWARDED_FOR = { 'x-forwarded-for': CLIENT }
const FORWARDED = { forwarded: `for=${CLIENT}` }

/** Ways to come through a proxy that is not trusted to say whom it asks for. */
const UNNAMED: readonly [trusted: string, headers: Record<string, string>][] = [
  ['', X_FORWARDED_FOR],
  ['', FORWARDED],
  ['', { 'x-forwarded-for': '' }],
  ['', { 'x-real-ip': CLIENT }],
  ['192.0.2.0/24', X_FORWARDED_FOR],
  ['192.0.2.0/24', FORWARDED],
  // It may say so, but in the other header.
  ['10.0.0.0/8', FORWARDED],
]

const COUNT = 20
const USERS = Array.from({ length: COUNT }, (_, i) => `user ${i}`)
const STRANGERS = Array.from({ length: COUNT }, (_, i) => `stranger ${i}`)

/** The networks that alice is known from. */
async function knownFrom(app: TestApp): Promise<string[]> {
  return (await app.db.read.selectFrom('known_addresses').select('network').execute()).map(({ network }) => network)
}

for (const [trusted, headers] of UNNAMED) {
  const name = `trusting ${trusted || 'nobody'}, with ${JSON.stringify(headers)}`

  t.test(`behind an unnamed proxy ${COUNT} users cannot be told from unknown names (${name})`, async (t) => {
    const app = await withUsers(t, trusted, USERS)
    // Also those that were known from this address before.
    for (const user of USERS.slice(0, COUNT / 2)) t.equal(await logsIn(app, { username: user, from: PROXY }), 200)
    for (const user of USERS.slice(COUNT / 2)) t.equal(await logsIn(app, { username: user, from: PROXY, headers }), 200)
    for (let i = 0; i < 5; i++) await attempt(app, { username: `spent ${i}`, from: PROXY, headers })
    const inTurn = USERS.flatMap((user, i) => [user, STRANGERS[i] as string])
    for (const [i, username] of inTurn.entries()) {
      t.strictSame(await attempt(app, { username, from: PROXY, headers }), throttled(30 * (i + 1)), username)
    }
  })

  t.test(`a login through an unnamed proxy makes no address known (${name})`, async (t) => {
    const app = await withUsers(t, trusted)
    t.equal(await logsIn(app, { username: 'user 1', from: PROXY, headers }), 200)
    t.same(await knownFrom(app), [])
    t.equal(await logsIn(app, { username: 'user 1', from: PROXY }), 200)
    t.same(await knownFrom(app), [PROXY])
  })

  t.test(`a registration through an unnamed proxy makes no address known (${name})`, async (t) => {
    const app = await withUsers(t, trusted)
    const register = (username: string, headers: Record<string, string>) =>
      app.inject({ method: 'POST', url: '/api/users/', remoteAddress: PROXY, headers, payload: { username, password: PASSWORD } })
    t.equal((await register('newcomer', headers)).statusCode, 201)
    t.same(await knownFrom(app), [])
    t.equal((await register('another', {})).statusCode, 201)
    t.same(await knownFrom(app), [PROXY])
  })

  t.test(`what others fail through an unnamed proxy does not keep a user out elsewhere (${name})`, async (t) => {
    const app = await withUsers(t, trusted)
    const home = '203.0.113.9'
    t.equal(await logsIn(app, { username: 'user 1', from: home }), 200)
    for (let i = 0; i < 20; i++) await attempt(app, { username: 'user 1', from: PROXY, headers })
    t.equal(await logsIn(app, { username: 'user 1', from: home }), 200)
  })
}

t.test('behind a proxy of TRUST_PROXY the address of the client is known, and keeps its own allowance', async (t) => {
  const app = await withUsers(t, '10.0.0.0/8')
  const headers = { 'x-forwarded-for': `192.0.2.99, ${CLIENT}:51234, 10.0.0.9:8443` }
  t.equal(await logsIn(app, { username: 'user 1', from: PROXY, headers }), 200)
  t.same(await knownFrom(app), [CLIENT])
  await failWithAnyName([app], 5, CLIENT)
  t.equal((await attempt(app, { ...RIGHT, username: 'user 2', from: PROXY, headers })).status, 429)
  t.equal(await logsIn(app, { username: 'user 1', from: PROXY, headers }), 200)
})

t.test('no address is known of a client whose proxy says no address of it', async (t) => {
  const app = await withUsers(t, '10.0.0.0/8')
  for (const client of ['unknown', '_hidden', '<script>', '300.1.1.1', `${CLIENT}, unknown, 10.0.0.9`]) {
    t.equal(await logsIn(app, { username: 'user 1', from: PROXY, headers: { 'x-forwarded-for': client } }), 200, client)
  }
  t.same(await knownFrom(app), [])
})

/** An app with users, who are known nowhere, on which an address may fail five times. */
async function withUsers(t: Test, trusted: string, users = USERS.slice(0, 3)): Promise<TestApp> {
  const app = await build(t, { TRUST_PROXY: trusted, LOGIN_FAILURES_PER_ADDRESS: '5', REGISTRATIONS_PER_ADDRESS: '1000' })
  for (const user of users) await register(app, user, PASSWORD)
  await app.db.write((handle) => handle.deleteFrom('known_addresses').execute())
  return app
}
