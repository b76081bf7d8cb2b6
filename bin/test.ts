// `npm test`: every test, on SQLite and on PostgreSQL. `npm test -- FILE…` runs these files; what begins with a dash goes to tap.
// `TEST_DATABASE` names one database: `sqlite`, `memory` (SQLite without files) or `postgres`. `--fast` is some tests on SQLite.
import { type ChildProcess, spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { dropDatabases, makeTemplate } from '../test/postgres/databases.ts'
import { startPostgres } from '../test/postgres/start.ts'
import { countsOf, type Database, writeGroups, writeSingles } from './test-groups.ts'

const root = join(import.meta.dirname, '..')
const args = process.argv.slice(2)
const isFast = args.includes('--fast')
const options = args.filter((arg) => arg.startsWith('-') && arg !== '--fast')
const files = args.filter((arg) => !arg.startsWith('-'))

/** What tests on PostgreSQL need, or why there is none. */
interface Prepared {
  readonly env?: Record<string, string>
  readonly missing?: string
  stop(): Promise<void>
}

const wanted = wantedDatabases(process.env.TEST_DATABASE)
const { env = {}, missing, stop } = wanted.includes('postgres') ? await preparePostgres() : { stop: async () => {} }
const databases = wanted.filter((each) => each !== 'postgres' || missing === undefined)
try {
  process.exitCode = await runTap(files.length > 0 ? writeSingles(files, databases) : writeGroups(databases, isFast))
  printCounts()
} finally {
  await stop()
}

function wantedDatabases(named: string | undefined): Database[] {
  if (named === 'sqlite' || named === 'memory' || named === 'postgres') return [named]
  if (named !== undefined) throw new Error('TEST_DATABASE: expected sqlite, memory or postgres')
  return isFast ? ['sqlite'] : ['sqlite', 'postgres']
}

/** A server, given or started, with the database that those of the tests are copies of. */
async function preparePostgres(): Promise<Prepared> {
  const given = process.env.TEST_DATABASE_URL
  const server = given === undefined ? await startPostgres() : { url: given, stop: async () => {} }
  if ('missing' in server) return { ...server, stop: async () => {} }
  const template = await makeTemplate(server.url)
  const stop = async () => {
    // Our own server goes with all its databases.
    if (given !== undefined) await dropDatabases(server.url, template)
    await server.stop()
  }
  return { env: { TEST_DATABASE_URL: server.url, TEST_DATABASE_TEMPLATE: template }, stop }
}

async function runTap(files: readonly string[]): Promise<number> {
  // Without a file tap would run all.
  if (files.length === 0) return 0
  const tap = join('node_modules', 'tap', 'dist', 'esm', 'run.mjs')
  const reporter = options.some((option) => /^(-R|--reporter)/.test(option)) ? [] : ['--reporter=./bin/report.ts']
  // One more than there are cores, because tests that start processes spend much of their time waiting.
  const jobs = `--jobs=${availableParallelism() + 1}`
  // Room for young objects: a process of tests makes many apps, and collecting them would take a tenth of its time.
  const NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --max-semi-space-size=64`
  const args = [tap, jobs, ...reporter, ...options, ...files]
  return ended(spawn(process.execPath, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env, NODE_OPTIONS } }))
}

/** Resolves to the exit code. Signals are passed on meanwhile, so that what was started for the tests is ended after them. */
function ended(child: ChildProcess): Promise<number> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => child.once('error', reject).once('exit', (code) => resolve(code ?? 1)))
}

function printCounts(): void {
  const counts = countsOf(databases).map(({ database, total }) => `${database}: ${total}`)
  if (missing !== undefined) counts.push(`postgres: skipped, because ${missing}; TEST_DATABASE_URL names a server`)
  console.log(`# ${counts.join(', ')}`)
}
