import t from 'tap'
import { register } from '../helper.ts'
import { attempt, failFromAnywhere, failWithAnyName, logsIn, RIGHT, throttled, two, wrong } from './limits.ts'

t.test('a name and address together fail ten times, then wait one second, twice as long each time, at most 15 minutes', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  for (let i = 0; i < 10; i++) t.strictSame(await attempt(i % 2 ? a : b), wrong, `failure ${i + 1}`)
  const waits = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
  for (const [i, seconds] of waits.entries()) {
    const [one, other] = i % 2 ? [a, b] : [b, a]
    t.strictSame(await attempt(one), throttled(seconds), `${seconds} s`)
    t.strictSame(await attempt(other, RIGHT), throttled(seconds), 'the right password waits too')
    advance(seconds - 0.001)
    t.strictSame(await attempt(one), throttled(1), `a millisecond before ${seconds} s`)
    advance(0.001)
    t.strictSame(await attempt(other), wrong, `after ${seconds} s`)
  }
})

t.test('a success forgives the earlier failures of its name and address, and no others', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  for (let i = 0; i < 9; i++) await attempt(a)
  for (let i = 0; i < 10; i++) await attempt(b, { from: '192.0.2.2' })
  t.equal(await logsIn(b), 200)
  for (let i = 0; i < 10; i++) t.strictSame(await attempt(a), wrong, `failure ${i + 1} afterwards`)
  t.strictSame(await attempt(a), throttled(1))
  t.strictSame(await attempt(a, { from: '192.0.2.2' }), throttled(1), 'the other address still waits')
  advance(1)
  t.equal(await logsIn(a), 200)
  t.equal(await logsIn(a), 200, 'the next login does not wait')
})

t.test('a success does not count against its address and its account, and forgives none of their failures', async (t) => {
  const { a, b } = await two(t, { LOGIN_FAILURES_PER_ADDRESS: '6', LOGIN_FAILURES_PER_ACCOUNT: '3' })
  await register(a)
  await register(a, 'mallory')
  await failWithAnyName([a, b], 5, '192.0.2.1')
  t.equal(await logsIn(a, { username: 'mallory' }), 200)
  t.strictSame(await attempt(b), wrong, 'the sixth failure')
  t.strictSame(await attempt(b), throttled(30))
  t.strictSame(await attempt(a, { from: '192.0.2.2' }), wrong, 'the second of the account')
  t.equal(await logsIn(b, { from: '192.0.2.3' }), 200)
  t.strictSame(await attempt(a, { from: '192.0.2.4' }), wrong, 'the third')
  t.strictSame(await attempt(a, { from: '192.0.2.4' }), throttled(30))
})

t.test('failures are forgotten an hour after the last wait has ended', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  for (let i = 0; i < 10; i++) await attempt(a)
  advance(3600.999)
  t.strictSame(await attempt(b), wrong)
  t.strictSame(await attempt(b), throttled(2), 'they still count')
  advance(2 + 3600)
  for (let i = 0; i < 10; i++) t.strictSame(await attempt(a), wrong, `failure ${i + 1}`)
  t.strictSame(await attempt(a), throttled(1))
})

t.test('an address may fail three hundred times an hour, with any names; then the names take turns, one in thirty seconds', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  await failWithAnyName([a, b], 300, '192.0.2.1')
  t.strictSame(await attempt(a), throttled(30))
  t.strictSame(await attempt(b, RIGHT), throttled(30), 'the right password waits too')
  t.strictSame(await attempt(b, { username: 'bob' }), throttled(60))
  t.strictSame(await attempt(b, { from: '192.0.2.2' }), wrong, 'another address has a count of its own')
  advance(29.999)
  t.strictSame(await attempt(a), throttled(1))
  advance(0.001)
  t.equal(await logsIn(b), 200)
  t.strictSame(await attempt(b, { username: 'bob' }), throttled(30))
  advance(3600 - 30)
  for (const username of ['bob', 'carol', 'dave']) t.strictSame(await attempt(a, { username }), wrong, 'the hour is over')
})

t.test('IPv6 addresses count by their /64, and IPv4-mapped addresses as IPv4', async (t) => {
  const { a, b } = await two(t, { LOGIN_FAILURES_PER_ADDRESS: '4' })
  for (let i = 1; i <= 4; i++) await attempt(i % 2 ? a : b, { from: `2001:db8:0:1::${i}`, username: `nobody-${i}` })
  t.strictSame(await attempt(a, { from: '2001:db8:0:1:ffff:ffff:ffff:ffff' }), throttled(30))
  t.strictSame(await attempt(a, { from: '2001:db8:0:2::1' }), wrong)
  for (let i = 1; i <= 4; i++) await attempt(i % 2 ? a : b, { from: i % 2 ? '192.0.2.1' : '::ffff:192.0.2.1', username: `nobody-${i}` })
  t.strictSame(await attempt(a, { from: '::ffff:c000:201' }), throttled(30))
  t.strictSame(await attempt(a, { from: '192.0.2.2' }), wrong)
})

t.test('an account may fail a hundred times an hour, from any addresses; then these take turns, one in thirty seconds', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  await failFromAnywhere([a, b], 100)
  t.strictSame(await attempt(b, { from: '203.0.113.1' }), throttled(30))
  t.strictSame(await attempt(a, { ...RIGHT, from: '203.0.113.2' }), throttled(60))
  advance(29.999)
  t.strictSame(await attempt(a, { from: '203.0.113.3' }), throttled(61))
  advance(0.001)
  t.strictSame(await attempt(b, { from: '203.0.113.4' }), throttled(90), 'nobody is let through who has no turn')
  t.strictSame(await attempt(b, { from: '203.0.113.1' }), wrong, 'the one with the turn is')
  t.strictSame(await attempt(a, { from: '203.0.113.1' }), throttled(120), 'and then goes to the end')
  advance(3600 - 30)
  t.strictSame(await attempt(a, { from: '203.0.113.6' }), wrong, 'the hour is over')
  t.strictSame(await attempt(a, { from: '203.0.113.7' }), wrong)
})

t.test('the forms of a name that are the same in NFC count as one name, whether it is a user or not', async (t) => {
  for (const stored of ['zo\u00eb', 'zoe\u0308', undefined]) {
    const { a, b, advance } = await two(t, { LOGIN_FAILURES_PER_ACCOUNT: '12' })
    if (stored !== undefined) await register(a, 'zoe')
    if (stored !== undefined)
      await a.db.write((handle) => handle.updateTable('users').set({ username: stored, username_nfc: 'zo\u00eb' }).execute())
    const [composed, decomposed] = [{ username: 'zo\u00eb' }, { username: 'zoe\u0308' }]
    for (let i = 0; i < 10; i++) t.strictSame(await attempt(i % 2 ? a : b, i % 3 ? composed : decomposed), wrong, `failure ${i + 1}`)
    for (const form of [composed, decomposed]) t.strictSame(await attempt(a, form), throttled(1))
    advance(1)
    t.strictSame(await attempt(b, decomposed), wrong, 'failure 11')
    t.strictSame(await attempt(b, { ...composed, from: '192.0.2.2' }), wrong, 'failure 12 of the name')
    for (const form of [composed, decomposed]) t.strictSame(await attempt(a, { ...form, from: '192.0.2.3' }), throttled(30))
  }
})
