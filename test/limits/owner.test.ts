// Not on PostgreSQL: what it holds follows from the rules, which guessing.test.ts holds there.
import t from 'tap'
import { register } from '../helper.ts'
import { attempt, failFromAnywhere, failWithAnyName, logsIn, RIGHT, throttled, two, wrong } from './limits.ts'

const HOME = '203.0.113.10'

t.test('a user can log in from a known address while failures from other addresses slow the account', async (t) => {
  const { a, b } = await two(t)
  await register(a)
  t.equal(await logsIn(a, { from: HOME }), 200)
  await failFromAnywhere([a, b], 100)
  t.strictSame(await attempt(b, { from: '198.51.100.1' }), throttled(30), 'at other addresses the account is limited')
  t.equal(await logsIn(b, { from: HOME }), 200)
})

t.test('a known address may fail ten times on its own count before it has to wait', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  t.equal(await logsIn(a, { from: HOME }), 200)
  await failFromAnywhere([a, b], 100)
  for (let i = 0; i < 10; i++) t.strictSame(await attempt(i % 2 ? a : b, { from: HOME }), wrong)
  t.strictSame(await attempt(a, { ...RIGHT, from: HOME }), throttled(1))
  advance(1)
  t.equal(await logsIn(b, { from: HOME }), 200)
})

t.test('failures at a known address do not count against the account at other addresses', async (t) => {
  const { a, b } = await two(t, { LOGIN_FAILURES_PER_ACCOUNT: '5' })
  await register(a)
  t.equal(await logsIn(a, { from: HOME }), 200)
  for (let i = 0; i < 9; i++) await attempt(a, { from: HOME })
  for (let i = 0; i < 5; i++) t.strictSame(await attempt(b, { from: '198.51.100.1' }), wrong)
  t.strictSame(await attempt(b, { from: '198.51.100.1' }), throttled(30))
})

t.test('when an address has reached its limit, users who logged in from it before can still do so', async (t) => {
  const { a, b } = await two(t)
  await register(a)
  await register(a, 'bob')
  t.equal(await logsIn(a, { from: HOME }), 200)
  await failWithAnyName([a, b], 300, HOME)
  t.equal(await logsIn(b, { from: HOME }), 200)
  t.strictSame(await attempt(b, { ...RIGHT, username: 'bob', from: HOME }), throttled(30))
})

t.test('an IPv6 address is known by its /64', async (t) => {
  const { a, b } = await two(t, { LOGIN_FAILURES_PER_ACCOUNT: '2' })
  await register(a)
  t.equal(await logsIn(a, { from: '2001:db8:1:2::1' }), 200)
  await failFromAnywhere([a, b], 2)
  t.equal(await logsIn(b, { from: '2001:db8:1:2:a:b:c:d' }), 200)
  t.strictSame(await attempt(b, { ...RIGHT, from: '2001:db8:1:3::1' }), throttled(30))
})

t.test('from a new address the owner of an attacked account can log in after a wait, and the address is known from then on', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  await failFromAnywhere([a, b], 100)
  t.strictSame(await attempt(a, { ...RIGHT, from: HOME }), throttled(30))
  advance(30)
  t.equal(await logsIn(b, { from: HOME }), 200)
  await attempt(a, { from: '198.51.100.1' })
  t.strictSame(await attempt(a, { from: '198.51.100.2' }), throttled(60), 'other addresses still wait for their turns')
  t.equal(await logsIn(a, { from: HOME }), 200, 'the address of the owner does not')
})

t.test('the twenty addresses of the latest logins are known', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  for (let i = 1; i <= 21; i++) {
    advance(1)
    t.equal(await logsIn(i % 2 ? a : b, { from: `192.0.2.${i}` }), 200)
  }
  await failFromAnywhere([a, b], 100)
  t.strictSame(await attempt(b, { from: '192.0.2.1' }), throttled(30), 'the oldest is forgotten')
  for (let i = 2; i <= 21; i++) t.strictSame(await attempt(a, { from: `192.0.2.${i}` }), wrong, `192.0.2.${i}`)
})

t.test('when a user is deleted, the known addresses are deleted too', async (t) => {
  const { a } = await two(t)
  await register(a)
  t.equal(await logsIn(a), 200)
  await a.db.write((handle) => handle.deleteFrom('users').execute())
  t.strictSame(await a.db.read.selectFrom('known_addresses').selectAll().execute(), [])
})
