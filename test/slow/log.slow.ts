// What becomes of the service, and of its log, where standard output cannot be written.

import { execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { freePorts } from '../../harness/free-ports.ts'
import { bare, environment, folder, ROOT } from '../server/process.ts'
import { disk, fill, needsMount } from './mount.ts'
import { openBoth, pipe, startUnread } from './unread.ts'

const PATH = '/.well-known/jwks.json'
/** Their lines have more bytes than the MiB that waits. */
const REQUESTS = 6500
/** Their lines have more bytes than the buffer of a pipe, a socket or a terminal. */
const SOME = 2000
const AT_ONCE = 20
const stopped = { code: 0, signal: null }

/** Asks many times, and fails the test where an answer is not 200. */
async function ask(t: Test, url: string, requests: number): Promise<void> {
  let asked = 0
  const statuses = new Set<number>()
  const askOn = async () => {
    while (asked++ < requests) {
      const answer = await fetch(`${url}${PATH}`, { signal: AbortSignal.timeout(10_000) })
      await answer.arrayBuffer()
      statuses.add(answer.status)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, askOn))
  t.same([...statuses], [200])
  t.equal((await fetch(`${url}/health/live`)).status, 200)
}

/** Waits until `read` returns a text with a line about lost lines. */
async function untilTold(read: () => string): Promise<string> {
  for (let text = ''; ; await sleep(20)) {
    text += read()
    if (/log lines were lost.*\n/.test(text)) return text
  }
}

interface Line {
  readonly path?: string
  readonly lost?: number
  readonly msg?: string
}

/** Every line is whole, and those of the requests and those that are counted as lost are all. */
function allCounted(t: Test, text: string, reason: RegExp): void {
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
  const told = lines.filter(({ lost }) => lost !== undefined)
  for (const { lost, msg } of told) {
    t.match(msg, new RegExp(`^${lost} log lines were lost, because standard output could not be written: ${reason.source}$`))
  }
  const lost = told.reduce((sum, line) => sum + (line.lost as number), 0)
  t.ok(lost > 0)
  const logged = lines.filter(({ path }) => path === PATH).length
  t.ok(logged + lost >= REQUESTS && logged + lost <= REQUESTS + 2, `${logged} logged and ${lost} lost of ${REQUESTS}`)
}

function readNow(fd: number): string {
  const buffer = Buffer.alloc(64 * 1024)
  try {
    return buffer.toString('utf8', 0, readSync(fd, buffer))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return ''
    throw error
  }
}

t.test('with its log on a full disk the service goes on, and says how many lines were lost once there is space', needsMount, async (t) => {
  const place = disk(t)
  const file = `${place}/log`
  const fd = openSync(file, 'w')
  const service = await startUnread(t, ['ignore', fd, fd])
  closeSync(fd)
  fill(`${place}/ballast`)
  await ask(t, service.url, REQUESTS)
  rmSync(`${place}/ballast`)
  let seen = 0
  const text = await untilTold(() => {
    const all = readFileSync(file, 'utf8')
    const added = all.slice(seen)
    seen = all.length
    return added
  })
  allCounted(t, text, /ENOSPC: no space left on device, write/)
  t.same(await service.stop(), stopped)
})

t.test('on a disk that stays full the service ends when it is told to', needsMount, async (t) => {
  const place = disk(t)
  const fd = openSync(`${place}/log`, 'w')
  const service = await startUnread(t, ['ignore', fd, fd])
  closeSync(fd)
  fill(`${place}/ballast`)
  await ask(t, service.url, SOME)
  t.same(await service.stop(), stopped)
})

t.test('while the reader of its log stalls the service goes on and can be ended, and the reader is told what was lost', async (t) => {
  const fd = openBoth(pipe(t))
  const service = await startUnread(t, ['ignore', fd, fd])
  await ask(t, service.url, REQUESTS)
  allCounted(t, await untilTold(() => readNow(fd)), /its reader does not keep up/)
  await ask(t, service.url, SOME)
  t.same(await service.stop(), stopped)
  closeSync(fd)
})

t.test('the same of a socket, as systemd gives it', async (t) => {
  // Node makes sockets of these pipes.
  const service = await startUnread(t, ['ignore', 'pipe', 'pipe'])
  await ask(t, service.url, SOME)
  t.same(await service.stop(), stopped)
})

t.test('when the reader of its log has gone the service goes on, and a later reader gets the lines', async (t) => {
  const path = pipe(t)
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, 'w')
  const service = await startUnread(t, ['ignore', writer, writer])
  closeSync(writer)
  closeSync(reader)
  await ask(t, service.url, REQUESTS)
  const later = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const text = await untilTold(() => readNow(later))
  t.match(text, /log lines were lost, because standard output could not be written: EPIPE: broken pipe, write"/)
  closeSync(later)
  await ask(t, service.url, SOME)
  t.same(await service.stop(), stopped)
})

const needsScript = hasScript() ? {} : { skip: 'there is no script(1) here, which makes terminals' }

function hasScript(): boolean {
  try {
    execFileSync('script', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

t.test('on a terminal that is stopped by Ctrl-S the service goes on and can be ended', needsScript, async (t) => {
  const [port = 0] = await freePorts(1)
  const [command, ...args] = bare('script', '-qec', `exec '${process.execPath}' server.ts`, '/dev/null')
  const env = environment({ DATABASE_URL: `file:${folder(t)}/latchkey.db`, PORT: String(port), LOG_FORMAT: 'json' })
  const child = spawn(command as string, args, { cwd: ROOT, env, stdio: ['pipe', 'pipe', 'ignore'] })
  t.teardown(() => child.kill('SIGKILL'))
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
  const pid = await new Promise<number>((resolve) => {
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk
      const [, id] = /"pid":(\d+),.*listens on/.exec(text) ?? []
      if (id !== undefined) resolve(Number(id))
    })
  })
  t.teardown(() => {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended.
    }
  })
  child.stdin.write('\x13')
  await sleep(100)
  await ask(t, `http://127.0.0.1:${port}`, SOME)
  process.kill(pid, 'SIGTERM')
  t.same(await Promise.race([ended, sleep(10_000, 'still there', { ref: false })]), stopped)
})
