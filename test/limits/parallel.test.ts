import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { noOrigin } from '../../domain/events/record.ts'
import { build, register, type TestApp } from '../helper.ts'
import { attempt, failFromAnywhere, logsIn, RIGHT, throttled, two, wrong } from './limits.ts'

const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))

t.test('of a hundred wrong passwords sent at once to two processes, ten are compared', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  const answers = await Promise.all(times(100, (i) => attempt(i % 2 ? a : b)))
  t.equal(answers.filter(({ status }) => status === 401).length, 10)
  t.strictSame(new Set(answers.filter(({ status }) => status !== 401).map((answer) => JSON.stringify(answer))).size, 1)
  t.strictSame(
    answers.find(({ status }) => status !== 401),
    throttled(1),
  )
  advance(1)
  const more = await Promise.all(times(100, (i) => attempt(i % 2 ? a : b)))
  t.equal(more.filter(({ status }) => status === 401).length, 1, 'and after the wait, one')
})

t.test('of four hundred wrong passwords sent at once from one address, three hundred are compared', async (t) => {
  const { a, b } = await two(t)
  const answers = await Promise.all(times(400, (i) => attempt(i % 2 ? a : b, { username: `nobody-${i}` })))
  t.equal(answers.filter(({ status }) => status === 401).length, 300)
})

t.test('of two hundred wrong passwords sent at once for one name from as many addresses, a hundred are compared', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  const answers = await Promise.all(times(200, (i) => attempt(i % 2 ? a : b, { from: `198.18.0.${i}` })))
  t.equal(answers.filter(({ status }) => status === 401).length, 100)
  advance(30)
  const more = await Promise.all(times(200, (i) => attempt(i % 2 ? a : b, { from: `198.18.0.${i}` })))
  t.equal(more.filter(({ status }) => status === 401).length, 1, 'then one has its turn')
})

for (const failures of [0, 3, 9, 10, 13]) {
  t.test(`twelve logins with the right password at once succeed in two processes, after ${failures} failures`, async (t) => {
    const { a, b, advance } = await two(t)
    await register(a)
    for (let i = 0; i < failures; i++) {
      await attempt(a)
      if (i >= 9) advance(2 ** (i - 9))
    }
    t.strictSame(
      await Promise.all(times(12, (i) => logsIn(i % 2 ? a : b))),
      times(12, () => 200),
    )
    for (let i = 0; i < 10; i++) t.strictSame(await attempt(b), wrong, 'and the failures before are forgiven')
    t.strictSame(await attempt(b), throttled(1))
  })
}

t.test('twelve right passwords at once succeed from a known address, and from a new one while the account is limited', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  t.equal(await logsIn(a, { from: '203.0.113.1' }), 200)
  await failFromAnywhere([a, b], 100)
  t.strictSame(
    await Promise.all(times(12, (i) => logsIn(i % 2 ? a : b, { from: '203.0.113.1' }))),
    times(12, () => 200),
  )
  advance(30)
  t.strictSame(
    await Promise.all(times(12, (i) => logsIn(i % 2 ? a : b, { from: '203.0.113.2' }))),
    times(12, () => 200),
  )
})

t.test('right passwords that come at once are no failures of their account: all succeed from as many new addresses', async (t) => {
  const { a, b } = await two(t, { LOGIN_FAILURES_PER_ACCOUNT: '3' })
  await register(a)
  t.strictSame(
    await Promise.all(times(12, (i) => logsIn(i % 2 ? a : b, { from: `192.0.2.${i}` }))),
    times(12, () => 200),
  )
})

t.test('a right password among many wrong ones at once forgives only the failures before it: at most 20 are compared', async (t) => {
  const { a, b } = await two(t)
  await register(a)
  const answers = await Promise.all(times(60, (i) => attempt(i % 2 ? a : b, i === 0 ? RIGHT : {})))
  const wrongOnes = answers.filter(({ status }) => status === 401).length
  t.ok(wrongOnes >= 9 && wrongOnes <= 19, `${wrongOnes} wrong ones were compared`)
  const after = await Promise.all(times(60, () => attempt(a)))
  t.ok(after.filter(({ status }) => status === 401).length + wrongOnes <= 20)
})

t.test('an attempt whose password could not be hashed does not count as a failure', async (t) => {
  const app = await build(t)
  await register(app)
  const { matches } = app.hashing
  app.hashing.matches = () => app.hashing.hash(noOrigin, 'x').then(() => Promise.reject(new Error('overloaded')))
  for (let i = 0; i < 30; i++) t.equal((await attempt(app)).status, 500)
  app.hashing.matches = matches
  for (let i = 0; i < 10; i++) t.strictSame(await attempt(app), wrong)
  t.strictSame(await attempt(app), throttled(1))
})

t.test('attempts that were under way when a process died count as failed after a minute, and no longer hold others up', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  const finish = holdComparisons(a)
  const begun = times(10, () => attempt(a))
  await underWay(b, 10)
  advance(60)
  t.strictSame(await attempt(b), wrong)
  t.strictSame(await attempt(b), throttled(2))
  finish(false)
  await Promise.all(begun)
})

t.test('a success that took longer than failures are remembered does not forgive the failures that came meanwhile', async (t) => {
  const { a, b, advance } = await two(t)
  await register(a)
  const finish = holdComparisons(a)
  const begun = attempt(a, RIGHT)
  await underWay(b, 1)
  advance(3601)
  for (let i = 0; i < 9; i++) t.strictSame(await attempt(b), wrong)
  finish(true)
  t.equal((await begun).status, 200)
  t.strictSame(await attempt(b), wrong, 'the tenth')
  t.strictSame(await attempt(b), throttled(1))
})

/** Makes every comparison of passwords wait. Returns a function that ends them all with one outcome. */
function holdComparisons(app: TestApp): (matches: boolean) => void {
  let finish: (matches: boolean) => void = () => {}
  const outcome = new Promise<boolean>((resolve) => {
    finish = resolve
  })
  app.hashing.matches = () => outcome
  return finish
}

/** Waits until `count` attempts are under way in one tally. */
async function underWay(app: TestApp, count: number): Promise<void> {
  const counts = async () => (await app.db.read.selectFrom('tallies').select('in_flight').execute()).map((row) => row.in_flight)
  while (!(await counts()).includes(count)) await turn()
}
