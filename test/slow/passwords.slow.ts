import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import t from 'tap'
import { noOrigin } from '../../domain/events/record.ts'
import { Estimator } from '../../domain/passwords/estimator.ts'
import { bare, postTo, start } from '../server/process.ts'

/**
 * What the first password, with which the thread starts, may take of the event loop, in several turns of it; and any other one: twice what
 * they take on a quiet machine.
 */
const FIRST_LIMIT_MS = 40
const LOOP_LIMIT_MS = 40
/** What judging may add to the memory of a server; 17 to 32 MB were seen, with what a first registration takes by itself. */
const MEMORY_LIMIT_MB = 40
const GOOD = 'correct horse battery'
const ALPHABETS = ['012', '1a', '0123456789', 'aeiost4310575', '01', '4@8({[<63#91!|$5+7%2/', '123./-']

/** 128 characters each that match as much as possible: repeats in repeats, dates, l33t. */
function* hostile(count: number): Generator<string> {
  let state = 1
  const next = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor(state / 2 ** 16) % below
  }
  for (let i = 0; i < count; i++) {
    const alphabet = ALPHABETS[i % ALPHABETS.length] as string
    yield Array.from({ length: 128 }, () => alphabet[next(alphabet.length)]).join('')
  }
}

t.test('neither the first password nor a hostile one holds the event loop', async (t) => {
  const estimator = new Estimator({ clock: () => performance.now(), log: { warn: (_details, message) => t.fail(message) } })
  t.teardown(() => estimator.close())
  const delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
  // The time of this thread alone: on a busy machine the delays are those of other processes.
  const judge = async (password: string) => {
    const before = process.threadCpuUsage()
    await estimator.isGuessed(noOrigin, password)
    return process.threadCpuUsage(before).user / 1000
  }
  const first = await judge(GOOD)
  let worst = 0
  for (const password of hostile(56)) worst = Math.max(worst, await judge(password))
  t.comment(
    `CPU: ${first.toFixed(1)} ms for the first, ${worst.toFixed(1)} ms at most; p99 of the delays ${(delays.percentile(99) / 1e6).toFixed(1)} ms`,
  )
  t.ok(first <= FIRST_LIMIT_MS && worst <= LOOP_LIMIT_MS)
  t.equal(estimator.stats.failed, 0)
})

const skip = process.platform === 'linux' ? false : 'memory is read from /proc'
t.test('a server that judges hostile passwords takes little more memory, and ends with its thread', { skip }, async (t) => {
  const command = bare(process.execPath, '--max-semi-space-size=4', 'server.ts')
  const service = await start(t, { DATABASE_URL: ':memory:', LIMITS: 'off', MALLOC_ARENA_MAX: '2' }, command)
  const users = `${service.url}/api/users/`
  for (let i = 0; i < 60; i++) await postTo(users, { username: `unjudged${i}` })
  const before = residentMb(service.pid)
  t.equal((await postTo(users, { username: 'first', password: GOOD })).status, 201)
  for (const password of hostile(56)) await postTo(users, { username: 'hostile', password })
  const more = residentMb(service.pid) - before
  t.comment(`${before.toFixed(0)} MB before, ${more.toFixed(1)} MB more`)
  t.ok(more <= MEMORY_LIMIT_MB)
  t.match(await service.stop(), { code: 0, signal: null })
})

function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}
