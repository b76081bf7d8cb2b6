import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { limitMemory } from '../../harness/memory-limit.ts'
import { PASSWORD } from '../helper.ts'
import { bare, folder, postTo, type Service, start } from '../server/process.ts'
import { open } from '../server/talk.ts'

const FULL_COST = { ARGON2_MEMORY_KIB: '19456', ARGON2_ITERATIONS: '2' }
const onLinux = process.platform === 'linux' ? {} : { skip: 'the memory of a process is read from /proc, as on Linux' }

const alice = { username: 'alice', password: PASSWORD }

/** A user's access token. */
async function accessToken({ url }: Service): Promise<string> {
  await postTo(`${url}/api/users/`, alice)
  return ((await postTo(`${url}/api/token/`, alice)).body as { access: string }).access
}

async function assertGood(t: Test, { url }: Service, token: string): Promise<void> {
  t.same(await postTo(`${url}/api/token/verify/`, { token }), { status: 200, body: {} })
}

/** The memory of the process in MB, without pages of files that it has mapped. */
function memoryMb({ pid }: Service): number {
  return Number(/^RssAnon:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

/** Opens connections that send `bytes` and do not read the answers. */
async function openUnread(t: Test, { port }: Service, count: number, bytes: string): Promise<Socket[]> {
  const sockets = await Promise.all(Array.from({ length: count }, () => open(t, port)))
  for (const socket of sockets) socket.pause().write(bytes)
  return sockets
}

/** Refreshes a session again and again, until it is told to end. @returns how often */
async function refreshOn({ url }: Service, signal: AbortSignal): Promise<number> {
  let { refresh } = (await postTo(`${url}/api/token/`, alice)).body as { refresh: string }
  for (let count = 0; ; count++) {
    if (signal.aborted) return count
    const answer = await postTo(`${url}/api/token/refresh/`, { refresh })
    if (answer.status !== 200) throw new Error(`a refresh is answered ${answer.status}`)
    refresh = (answer.body as { refresh: string }).refresh
  }
}

for (const mib of [192, 144]) {
  const limit = limitMemory(mib)
  const needsLimit = limit ? {} : { skip: 'no control group can be made here: that takes root on Linux' }
  t.teardown(() => limit?.remove())

  t.test(
    `200 users who log in at once within ${mib} MiB, beside refreshes, are all served, three times, and the kernel kills no process`,
    needsLimit,
    async (t) => {
      const command = bare(process.execPath, '--max-semi-space-size=4', 'server.ts')
      const env = {
        DATABASE_URL: `file:${folder(t)}/latchkey.db`,
        ...FULL_COST,
        LIMITS: 'off',
        HASHING_CONCURRENCY: '',
        SESSIONS_PER_USER: '10000',
        MALLOC_ARENA_MAX: '2',
      }
      const service = await start(t, env, limit?.limited(command))
      const token = await accessToken(service)
      const over = new AbortController()
      const others = Promise.all(Array.from({ length: 4 }, () => refreshOn(service, over.signal)))
      for (let storm = 0; storm < 3; storm++) {
        const answers = await Promise.all(Array.from({ length: 200 }, () => postTo(`${service.url}/api/token/`, alice)))
        t.equal(answers.filter(({ status }) => status === 200).length, 200)
      }
      over.abort()
      for (const count of await others) t.ok(count > 10, `${count} refreshes`)
      await assertGood(t, service, token)
      t.match(await service.stop(), { code: 0, signal: null })
      t.equal(limit?.kills(), 0)
    },
  )
}

/** Requests that need no account, many in one packet. */
const unread: [what: string, bytes: string][] = [
  ['the script of the page', 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(8)],
  ['the API document', 'GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(40)],
  ['what is refused', 'GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1500)],
]

for (const [what, bytes] of unread) {
  t.test(`a hundred clients that ask for ${what} and do not read cost little memory`, onLinux, async (t) => {
    const service = await start(t, { DATABASE_URL: ':memory:' })
    const token = await accessToken(service)
    const before = memoryMb(service)
    await openUnread(t, service, 100, bytes)
    await sleep(1500)
    const grown = memoryMb(service) - before
    t.ok(grown < 40, `${grown.toFixed(0)} MB`)
    await assertGood(t, service, token)
  })
}

/** Verifies a token on a connection that is open already. @returns the first line of the answer */
async function verifyOn(socket: Socket, token: string): Promise<string | undefined> {
  const body = JSON.stringify({ token })
  socket.write(
    `POST /api/token/verify/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  const [answer] = await once(socket, 'data')
  return String(answer).split('\r\n')[0]
}

t.test('one address that opens more connections than its quarter closes its own, and others are served', onLinux, async (t) => {
  const service = await start(t, { DATABASE_URL: ':memory:', MAX_CONNECTIONS: '300' })
  const token = await accessToken(service)
  const mine = await open(t, service.port)
  const others = await Promise.all(Array.from({ length: 400 }, () => open(t, service.port, '127.0.0.2')))
  for (const socket of others) socket.resume()
  const closed = () => others.filter(({ closed }) => closed).length
  while (closed() < 325) await sleep(10)
  await sleep(200)
  t.equal(closed(), 325)
  t.equal(await verifyOn(mine, token), 'HTTP/1.1 200 OK')
})

t.test('2000 sockets of eight addresses, half of them closed at once, leave room for others', onLinux, async (t) => {
  const service = await start(t, { DATABASE_URL: ':memory:', MAX_CONNECTIONS: '300' })
  const token = await accessToken(service)
  const opened = Array.from({ length: 2000 }, async (_, i) => {
    const socket = await open(t, service.port, `127.0.0.${2 + (i % 8)}`)
    if (i % 2) socket.destroy()
  })
  const probes = Array.from({ length: 20 }, async () => {
    await sleep(10)
    t.equal(await verifyOn(await open(t, service.port), token), 'HTTP/1.1 200 OK')
  })
  await Promise.all([...opened, ...probes])
})
