import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { freePorts } from '../../harness/free-ports.ts'
import { type Ran, start, startInVain } from '../server/process.ts'
import { settings } from './postgres/instances.ts'
import { ROLE_PASSWORD, startServer, type Way } from './postgres/server.ts'

const WRONG = 'wrong horse battery'
/** So long a start waits for a database that is not there, in milliseconds; a busy machine takes longer. */
const WAITS_MS = 30_000
const BUSY_MS = 6000
const COMMENT = /"msg":"[^"]*wait/g

/** One line, which names the setting and repeats no password. */
function isExplained(t: Test, what: string, { code, signal, stderr }: Ran, reason: RegExp): void {
  t.same({ code, signal }, { code: 1, signal: null }, what)
  t.match(stderr, /^latchkey cannot start: DATABASE_URL[^\n]*\n$/, what)
  t.match(stderr, reason, what)
  for (const password of [WRONG, ROLE_PASSWORD]) {
    for (const text of [password, encodeURIComponent(password)]) t.notOk(stderr.includes(text), 'without the password')
  }
}

t.test('a wrong password, role, database or way to PostgreSQL ends the start at once, with one line that says which', async (t) => {
  const server = await startServer(t)
  const wrong: [string, Way, RegExp][] = [
    ['password', { password: WRONG }, /password/],
    ['role', { user: 'nobody' }, /nobody|password/],
    ['database', { database: 'nowhere' }, /nowhere/],
    ['sslmode that is known to others', { parameters: 'sslmode=prefer' }, /sslmode/],
    ['TLS where the server has none', { parameters: 'sslmode=require' }, /SSL|TLS/],
  ]
  const ends = wrong.map(async ([what, way, reason]) => {
    const began = performance.now()
    isExplained(t, what, await startInVain(t, settings(server.url(way))), reason)
    t.ok(performance.now() - began < WAITS_MS / 2, `${what}: at once`)
  })
  await Promise.all(ends)
})

t.test('a start waits half a minute for a PostgreSQL that is not there, says so once, and names the host in the end', async (t) => {
  const [port = 0] = await freePorts(1)
  const server = await startServer(t)
  const wrong: [string, Way, RegExp][] = [
    ['no server', { port }, new RegExp(`127\\.0\\.0\\.1.*${port}`)],
    ['no such host', { host: 'nowhere.invalid' }, /nowhere\.invalid/],
  ]
  const ends = wrong.map(async ([what, way, reason]) => {
    const began = performance.now()
    const ran = await startInVain(t, settings(server.url(way)))
    const took = performance.now() - began
    t.comment(`${what}: ${Math.round(took)} ms: ${ran.stderr}`)
    isExplained(t, what, ran, reason)
    t.ok(took > WAITS_MS && took < WAITS_MS + BUSY_MS, `${took} ms`)
    t.equal(ran.stdout.match(COMMENT)?.length, 1, 'it says so once')
  })
  await Promise.all(ends)
})

t.test('a start goes on as soon as PostgreSQL is there', async (t) => {
  const server = await startServer(t)
  await server.stop()
  const starting = start(t, settings(server.url()))
  await sleep(3000)
  await server.start()
  const began = performance.now()
  const service = await starting
  const took = performance.now() - began
  t.comment(`it listens ${Math.round(took)} ms after that`)
  t.ok(took < BUSY_MS)
  t.equal(service.output().match(COMMENT)?.length, 1, 'it says so once')
})
