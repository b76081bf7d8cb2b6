// Not on PostgreSQL: it uses no database.
import t, { type Test } from 'tap'
import { noOrigin } from '../../../domain/events/record.ts'
import { Estimator, type EstimatorOptions } from '../../../domain/passwords/estimator.ts'

const WEAK = 'aaaaaaaa'
const GOOD = 'correct horse battery'

/** The module of a thread that does this with each password. */
const threadThat = (does: string) =>
  new URL(`data:text/javascript,import { parentPort } from 'node:worker_threads'; parentPort.on('message', (password) => { ${does} })`)

function estimatorWith(t: Test, options: Partial<EstimatorOptions> = {}) {
  const lines: object[] = []
  const log = { warn: (details: object, message: string) => void lines.push({ ...details, message }) }
  const estimator = new Estimator({ clock: () => 0, log, ...options })
  t.teardown(() => estimator.close())
  return { estimator, lines, isGuessed: (password: string) => estimator.isGuessed(noOrigin, password) }
}

t.test('passwords are judged side by side, and counted', async (t) => {
  const { estimator, lines, isGuessed } = estimatorWith(t)
  t.same(await Promise.all([isGuessed(WEAK), isGuessed(GOOD), isGuessed('summer2026')]), [true, false, true])
  t.same(estimator.stats, { guessed: 2, good: 1, failed: 0 })
  t.same(lines, [])
})

t.test('when its thread fails a password counts as good, and the log says so once a minute', async (t) => {
  const cases: [does: string, reason: string][] = [
    [`throw new Error('no such list')`, 'no such list'],
    ['process.exit()', 'the thread has ended'],
    ['', 'the thread does not answer in time'],
  ]
  for (const [does, reason] of cases) {
    const { estimator, lines, isGuessed } = estimatorWith(t, { thread: threadThat(does), timeoutMs: does === '' ? 1 : 30_000 })
    t.same([await isGuessed(WEAK), await isGuessed(WEAK)], [false, false])
    t.same(estimator.stats, { guessed: 0, good: 0, failed: 2 })
    t.same(lines, [{ reason, failed: 1, message: 'passwords cannot be judged, and are taken unless they are on the list' }])
  }
})

t.test('after a failure the next password gets a new thread', async (t) => {
  const thread = threadThat(`if (password === 'fail') throw new Error('failed'); parentPort.postMessage(1)`)
  const { estimator, isGuessed } = estimatorWith(t, { thread })
  t.same([await isGuessed(WEAK), await isGuessed('fail'), await isGuessed(WEAK)], [true, false, true])
  t.same(estimator.stats, { guessed: 2, good: 0, failed: 1 })
})

t.test('when too many passwords wait, the next one is asked to try again', async (t) => {
  const { estimator, isGuessed } = estimatorWith(t, { thread: threadThat('parentPort.postMessage(1)') })
  const waiting = Array.from({ length: 129 }, () => isGuessed(WEAK))
  await t.rejects(isGuessed(WEAK), { code: 'overloaded', status: 503, headers: { 'retry-after': '1' } })
  t.same(new Set(await Promise.all(waiting)), new Set([true]))
  t.equal(estimator.stats.guessed, 129)
})

t.test('a thread that runs out of its heap is started again with more, and the password is judged', async (t) => {
  const thread = threadThat('globalThis.held ??= Array.from({ length: 1e6 }, () => ({})); parentPort.postMessage(1)')
  const { estimator, lines, isGuessed } = estimatorWith(t, { thread })
  t.same([await isGuessed(WEAK), await isGuessed(WEAK)], [true, true])
  t.same(estimator.stats, { guessed: 2, good: 0, failed: 0 })
  t.same(lines, [])
})

t.test('a thread that no heap is enough for has failed', async (t) => {
  const { estimator, lines, isGuessed } = estimatorWith(t, { thread: threadThat('const all = []; for (;;) all.push({})') })
  t.equal(await isGuessed(WEAK), false)
  t.match(lines, [{ reason: /out of memory/, failed: 1 }])
  t.equal(estimator.stats.failed, 1)
})
