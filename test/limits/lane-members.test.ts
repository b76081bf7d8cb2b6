// Not on PostgreSQL: it is one step after the other; parallel.test.ts holds what several at once do there.
import t from 'tap'
import { savePlace } from '../../db/lane-places.ts'
import { build, register } from '../helper.ts'
import { OWNER } from './attackers.ts'
import { attempt, failFromAnywhere, fillLane, logsIn, RIGHT, throttled, two, wrong } from './limits.ts'

// A /48 of IPv6 has one turn at a time; its /64s share them.

t.test('a /64 that asks again while it waits for the turns of its /48 keeps its place among them', async (t) => {
  const { a, b, advance } = await two(t)
  await failFromAnywhere([a, b], 100)
  for (const from of ['2001:db8:1:1::1', '2001:db8:1:2::1', '2001:db8:1:3::1']) t.equal((await attempt(a, { from })).status, 429)
  const places = () => a.db.read.selectFrom('lane_places').selectAll().execute()
  const before = await places()
  advance(1)
  t.strictSame(await attempt(b, { from: '2001:db8:1:2::1' }), throttled(29))
  t.strictSame(await places(), before)
})

t.test('the /64s of one /48 have one turn at a time between them, in the order in which they asked', async (t) => {
  const { a, b, advance } = await two(t)
  await failFromAnywhere([a, b], 100)
  const one = { from: '2001:db8:1:1::1' }
  const two_ = { from: '2001:db8:1:2::1' }
  const three = { from: '2001:db8:1:3::1' }
  t.strictSame(await attempt(a, one), throttled(30))
  advance(1)
  t.strictSame(await attempt(b, two_), throttled(29), 'it is told when to ask again')
  advance(1)
  t.strictSame(await attempt(a, three), throttled(28))
  t.strictSame(await attempt(a, { from: OWNER }), throttled(58), 'others come before the second of them')
  advance(28)
  t.strictSame(await attempt(b, three), throttled(60), 'the second, who asked earlier, has the next')
  t.strictSame(await attempt(b, two_), throttled(60))
  t.strictSame(await attempt(b, one), wrong)
  advance(60)
  t.strictSame(await attempt(a, two_), wrong)
  t.strictSame(await attempt(a, three), throttled(30))
})

t.test('when turns of a /48 are free, its /64s have one each thirty seconds, in the order in which they asked', async (t) => {
  const { a, b, advance } = await two(t)
  await failFromAnywhere([a, b], 100)
  const [one, two_, three, four, five, six] = [9, 7, 5, 3, 1, 0].map((i) => ({ from: `2001:db8:1:${i}::1` }))
  for (const each of [one, two_, three]) {
    t.equal((await attempt(a, each)).status, 429)
    advance(1)
  }
  advance(97)
  t.strictSame(await attempt(a, four), throttled(30), 'the second has this turn, and the third the next')
  t.strictSame(await attempt(b, three), throttled(30))
  t.strictSame(await attempt(b, two_), wrong)
  advance(1)
  for (const each of [five, six]) {
    t.strictSame(await attempt(a, each), throttled(29))
    advance(0.001)
  }
  advance(100)
  t.strictSame(await attempt(b, five), throttled(30), 'the fourth has this turn')
  t.strictSame(await attempt(b, three), wrong)
  t.strictSame(await attempt(b, four), wrong)
  advance(30)
  t.strictSame(await attempt(a, five), wrong, 'who asked later does not come first')
})

t.test('a whole /48 full of /64s holds up nobody else', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  await failFromAnywhere([a, b], 100)
  for (let i = 0; i < 300; i++) t.equal((await attempt(a, { from: `2001:db8:1:${i.toString(16)}::1` })).status, 429)
  const { length } = await a.db.read.selectFrom('lane_places').select('at').where('at', 'is not', null).execute()
  t.equal(length, 1, 'nor does it take more of the thousand turns')
  t.strictSame(await attempt(b, { ...RIGHT, from: OWNER }), throttled(60))
  advance(60)
  t.equal(await logsIn(b, { from: OWNER }), 200)
})

t.test('a /64 that waits for the turns of its /48 gets one also while a thousand turns are kept', async (t) => {
  const app = await build(t, { LOGIN_FAILURES_PER_ACCOUNT: '1' })
  await attempt(app, { from: '192.0.2.1' })
  t.strictSame(await attempt(app, { from: '2001:db8:1:1::1' }), throttled(30))
  t.strictSame(await attempt(app, { from: '2001:db8:1:2::1' }), throttled(30))
  await fillLane(app, 999)
  app.clock.advance(30)
  t.strictSame(await attempt(app, { from: '2001:db8:1:1::1' }), wrong)
  t.strictSame(await attempt(app, { from: '198.18.0.1' }), throttled(30_000))
  t.strictSame(await attempt(app, { from: '198.18.0.2' }), throttled(30), 'all are promised')
  t.strictSame(await attempt(app, { from: '2001:db8:1:2::1' }), throttled(30_030))
})

t.test('a /64 that did not come back for an hour holds up no other one of its /48', async (t) => {
  const { a, b, advance } = await two(t, { LOGIN_FAILURES_WINDOW: '86400' })
  await failFromAnywhere([a, b], 100)
  for (const from of ['2001:db8:1:1::1', '2001:db8:1:2::1']) t.strictSame(await attempt(a, { from }), throttled(30))
  advance(30 + 3600)
  t.strictSame(await attempt(b, { from: '2001:db8:1:3::1' }), wrong)
})

t.test('beside fifteen other /64s of its /48 that ask all the time, a /64 is in after 16 turns', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  await failFromAnywhere([a, b], 100)
  const others = Array.from({ length: 15 }, (_, i) => `2001:db8:1:${(i + 1).toString(16)}::1`)
  const own = '2001:db8:1:ffff::1'
  const attack = () => Promise.all(others.map((from) => attempt(b, { from })))
  await attack()
  let waited = 0
  for (let answer = await attempt(a, { from: own, ...RIGHT }); answer.status === 429; answer = await attempt(a, { from: own, ...RIGHT })) {
    await attack()
    advance(Number(answer.retryAfter))
    waited += Number(answer.retryAfter)
    if (waited > 16 * 30) break
    await attack()
  }
  t.ok(waited <= 16 * 30, `after ${waited} s`)
})

t.test('a thousand /64s wait, and then the newest of the /48 with most of them makes room for another /48', async (t) => {
  const app = await build(t, { LOGIN_FAILURES_PER_ACCOUNT: '1' })
  await attempt(app, { from: '192.0.2.1' })
  for (const from of ['2001:db8:1:1::1', '2001:db8:2:1::1']) t.equal((await attempt(app, { from })).status, 429)
  const first = await app.db.read.selectFrom('lane_places').selectAll().where('party', '=', '2001:db8:1::/48').executeTakeFirstOrThrow()
  const waiting = Array.from({ length: 1000 }, (_, i) => ({ ...first, member: `m${i}`, asked_at: first.asked_at + i, at: null }))
  await app.db.write((handle) => Promise.all(waiting.map((place) => savePlace(handle, place))))
  const waits = async () => {
    const rows = await app.db.read.selectFrom('lane_places').select('member').where('at', 'is', null).orderBy('asked_at').execute()
    return rows.map(({ member }) => member)
  }
  t.strictSame(await attempt(app, { from: '2001:db8:1:2::1' }), throttled(30), 'there is no room for one more of its own')
  t.equal((await waits()).includes('2001:db8:1:2::/64'), false)
  t.strictSame(await attempt(app, { from: '2001:db8:2:2::1' }), throttled(60))
  const now = await waits()
  t.equal(now.length, 1000)
  t.ok(now.includes('2001:db8:2:2::/64'))
  t.notOk(now.includes('m999'))
})
