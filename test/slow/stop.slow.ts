// That a signal ends the process whatever it is at: while it starts, also as the first process of a container, and when something hangs.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { migrations } from '../../db/migrate.ts'
import { openDatabase } from '../../db/open.ts'
import { bare, environment, folder, ROOT, start } from '../server/process.ts'

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
const server = bare(process.execPath, 'server.ts')
/** Longer than any end may take, on a slow machine, too. */
const PATIENCE_MS = 20_000
const ended = { code: 0, signal: null }

/** A process that starts a service, not awaited. It is killed at the end of the test. */
function begin(t: Test, file: string, command: readonly string[]): ChildProcess {
  const env = environment({ DATABASE_URL: `file:${file}` })
  const child = spawn(command[0] as string, command.slice(1), { cwd: ROOT, env, stdio: 'ignore' })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

function endOf(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  const end = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.once('exit', (code, signal) => resolve({ code, signal })),
  )
  return Promise.race([end, sleep(PATIENCE_MS, { code: null, signal: null }, { ref: false })])
}

/** A database that another process has locked, so that a service waits at its start. */
async function lockedDatabase(t: Test): Promise<string> {
  const file = `${folder(t)}/latchkey.db`
  await (await openDatabase(`file:${file}`)).close()
  const other = new SQLite(file)
  t.teardown(() => other.close())
  other.exec('begin immediate')
  return file
}

/** The id of the process that has a file open: the service itself, whatever started it. */
async function whoOpened(file: string): Promise<number> {
  for (;;) {
    const pid = readdirSync('/proc').find((name) => /^\d+$/.test(name) && Number(name) !== process.pid && hasOpen(name, file))
    if (pid !== undefined) return Number(pid)
    await sleep(10)
  }
}

function hasOpen(pid: string, file: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === file)
  } catch {
    // It has ended, or is somebody else's.
    return false
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

const onLinux = process.platform === 'linux' ? {} : { skip: 'there is no /proc elsewhere than on Linux' }

const starters: Record<string, readonly string[]> = {
  server,
  'the launcher': bare(process.execPath, 'bin/launch.mjs', 'server.ts'),
  'npm start': bare('npm', '--prefix', ROOT, 'start'),
}

for (const [name, command] of Object.entries(starters)) {
  // npm passes no SIGHUP on; a terminal that closes sends it to all of them.
  for (const signal of name === 'npm start' ? SIGNALS.slice(0, 2) : SIGNALS) {
    t.test(`${signal} ends ${name} with code 0 while it waits for the database`, onLinux, async (t) => {
      const file = await lockedDatabase(t)
      const child = begin(t, file, command)
      await whoOpened(file)
      child.kill(signal)
      t.same(await endOf(child), ended)
    })
  }
}

const canUnshare = (() => {
  try {
    execFileSync('unshare', ['--pid', '--fork', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()
const needsNamespace = canUnshare ? {} : { skip: 'no PID namespace can be made here' }
const asFirst = (...command: readonly string[]) => ['unshare', '--pid', '--fork', '--kill-child', ...command]

t.test('as the first process of a container it is ended by a signal while it waits for the database', needsNamespace, async (t) => {
  const file = await lockedDatabase(t)
  const child = begin(t, file, asFirst(...server))
  process.kill(await whoOpened(file), 'SIGTERM')
  t.same(await endOf(child), ended)
})

t.test('as the first process of a container it is ended by a signal once it serves', needsNamespace, async (t) => {
  const file = `${folder(t)}/latchkey.db`
  const service = await start(t, { DATABASE_URL: `file:${file}` }, asFirst(...server))
  process.kill(await whoOpened(file), 'SIGTERM')
  t.same(await service.ended, ended)
})

t.test("the operator's command, as the first process of a container, is ended by a signal with its code", needsNamespace, async (t) => {
  const file = await lockedDatabase(t)
  const child = begin(t, file, asFirst(...bare(process.execPath, 'cli.ts', 'clients', 'create', 'x')))
  process.kill(await whoOpened(file), 'SIGINT')
  t.same(await endOf(child), { code: 130, signal: null })
})

/** All migrations or none are in the database. */
function isWhole(file: string): boolean {
  const sqlite = new SQLite(file)
  try {
    const tables = sqlite.prepare("select name from sqlite_schema where type = 'table'").pluck().all()
    if (!tables.includes('kysely_migration')) return tables.length === 0
    const done = sqlite.prepare('select count(*) from kysely_migration').pluck().get()
    return done === Object.keys(migrations).length && sqlite.pragma('integrity_check', { simple: true }) === 'ok'
  } finally {
    sqlite.close()
  }
}

t.test('SIGTERM at any moment of the start ends it, and leaves a database that is whole or none', onLinux, async (t) => {
  for (let delayMs = 20; delayMs <= 1000; delayMs += 70) {
    const file = `${folder(t)}/latchkey.db`
    const child = begin(t, file, server)
    await sleep(delayMs)
    child.kill('SIGTERM')
    const end = await endOf(child)
    // Node itself has just begun: then there is no handler yet, and the signal ends it.
    if (end.signal !== 'SIGTERM') t.same(end, ended, `after ${delayMs} ms`)
    t.ok(isWhole(file), `after ${delayMs} ms`)
  }
})

/** A service that does something more, as the text of a module; its output. */
async function runWith(t: Test, more: string): Promise<{ child: ChildProcess; output: { out: string; err: string } }> {
  const script = `
    import { Stop } from './stop.ts'
    const stop = new Stop()
    const { loadConfig } = await import('./config.ts')
    const { buildApp } = await import('./app.ts')
    const { LogDestination } = await import('./http/log-destination.ts')
    const log = new LogDestination(1, () => {})
    const app = await buildApp({ config: loadConfig(process.env), log })
    stop.serve({ app, log })
    ${more}
    await app.listen({ port: 0 })`
  const command = bare(process.execPath, '--input-type=module', '-e', script)
  const child = spawn(command[0] as string, command.slice(1), { cwd: ROOT, env: environment({ DATABASE_URL: ':memory:' }) })
  t.teardown(() => child.kill('SIGKILL'))
  const output = { out: '', err: '' }
  child.stdout.on('data', (chunk) => {
    output.out += chunk
  })
  child.stderr.on('data', (chunk) => {
    output.err += chunk
  })
  while (!/listening|"level":60/.test(output.out)) await sleep(20)
  return { child, output }
}

t.test('when something cannot be closed the process ends all the same, after nine seconds, with code 1 and a line', async (t) => {
  const { child, output } = await runWith(t, "app.addHook('onClose', () => new Promise(() => {}))")
  child.kill('SIGTERM')
  t.same(await endOf(child), { code: 1, signal: null })
  t.match(output.out, /"level":50,.*"msg":"the service ends although it is not closed 9 seconds after the signal"/)
})

t.test('a thread that hangs, as in the look-up of a name, does not delay the end', onLinux, async (t) => {
  const nobodyWrites = `${folder(t)}/pipe`
  execFileSync('mkfifo', [nobodyWrites])
  const { child } = await runWith(t, `const { open } = await import('node:fs'); open('${nobodyWrites}', 'r', () => {})`)
  child.kill('SIGTERM')
  t.same(await endOf(child), ended)
})

t.test('when closing fails the process ends with code 1 and a line', async (t) => {
  const { child, output } = await runWith(t, "app.addHook('onClose', async () => { throw new Error('broken') })")
  child.kill('SIGTERM')
  t.same(await endOf(child), { code: 1, signal: null })
  t.match(output.out, /"level":50,.*"message":"broken".*"msg":"the service could not be closed"/)
})

for (const [name, fault] of [
  ['an error that nothing caught', "setTimeout(() => { throw new Error('broken') }, 10)"],
  ['a rejection that nothing caught', "setTimeout(() => Promise.reject(new Error('broken')), 10)"],
  [
    'an error that nothing caught, and then a signal,',
    "setTimeout(() => { setImmediate(() => process.emit('SIGTERM')); throw new Error('broken') }, 10)",
  ],
] as const) {
  t.test(`${name} ends the process with code 1 and a line of the log`, async (t) => {
    const { child, output } = await runWith(t, fault)
    t.same(await endOf(child), { code: 1, signal: null })
    t.match(output.out, /"level":60,.*"message":"broken".*"msg":"the process ends, for an error that nothing caught"/)
    t.equal(output.err, '')
  })
}

t.test("Node's warnings are lines of the log, and nothing on standard error", async (t) => {
  const { child, output } = await runWith(t, "process.emitWarning('careful')")
  child.kill('SIGTERM')
  t.same(await endOf(child), ended)
  t.match(output.out, /"level":40,.*"message":"careful".*"msg":"Node warns"/)
  t.equal(output.err, '')
})
