import { readdirSync, readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { isatty } from 'node:tty'
import { setFlagsFromString } from 'node:v8'
import type { FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import type { Terminal } from './http/log-format.ts'
import { Stop } from './stop.ts'

/** Threads of Node's pool beyond those that hash: without it, files and DNS look-ups would wait for password hashes. */
const POOL_RESERVE = 1
const LOWEST_PRIORITY = 19
const STDOUT = 1
const THREADS = '/proc/self/task'

// Before all that takes long to load, which is therefore imported below.
const stop = new Stop()

// Without this flag V8 puts requests into the old generation after a login storm; memory then grows by 100 MB between collections.
setFlagsFromString('--no-allocation-site-pretenuring')

// What the process makes anew is for its own user alone: the database has the hashes of passwords, and maybe keys in clear.
process.umask(0o077)

try {
  await start()
} catch (error) {
  const { explain } = await import('./explain.ts')
  console.error(explain(error as Error, 'latchkey cannot start: '))
  process.exit(1)
}

async function start(): Promise<void> {
  const { doubtfulNames, loadConfig } = await import('./config.ts')
  const config = loadConfig(process.env)
  // Node reads this when the pool is first used, so nothing before this line may use it.
  process.env.UV_THREADPOOL_SIZE ??= String(config.hashingConcurrency + POOL_RESERVE)
  const app = await buildServing(config)
  await app.listen({
    host: config.host,
    port: config.port,
    listenTextResolver: (address) => `latchkey listens on ${address}, its documentation is at ${address}/docs`,
  })
  lowerPoolPriority()
  warnOfWeakHashing(app)
  warnOfPlainKeys(app)
  warnOfNoLimits(app)
  warnOfLegacyTokens(app)
  for (const line of doubtfulNames(process.env)) app.log.warn(line)
}

/** The service, which from now on finishes its work before a signal ends it. */
async function buildServing(config: Config): Promise<FastifyInstance> {
  const { buildApp } = await import('./app.ts')
  const { LogDestination } = await import('./http/log-destination.ts')
  const { inFormat } = await import('./http/log-format.ts')
  const { unblockedStdout } = await import('./http/unblocked-stdout.ts')
  const log = new LogDestination(unblockedStdout(), (lost, reason) => {
    app.log.warn({ lost }, `${lost} log lines were lost, because standard output could not be written: ${reason}`)
  })
  const app = await buildApp({ config, log: await inFormat(log, config.logFormat, terminal()) })
  stop.serve({ app, log })
  return app
}

/** `process.stdout` is looked at only where it is a terminal: of a pipe it would be a second stream beside that of the log. */
function terminal(): Terminal {
  const isTerminal = isatty(STDOUT)
  return { isTerminal, hasColors: isTerminal && process.stdout.hasColors() }
}

/**
 * Gives the threads of Node's pool the lowest priority, so that password hashes do not slow the event loop down when all cores are
 * busy. On Linux only, where each thread has a priority of its own and a process may lower those of its threads.
 */
function lowerPoolPriority(): void {
  if (process.platform !== 'linux') return
  try {
    for (const thread of readdirSync(THREADS)) {
      const name = readFileSync(`${THREADS}/${thread}/comm`, 'utf8').trim()
      if (name === 'libuv-worker') setPriority(Number(thread), LOWEST_PRIORITY)
    }
  } catch {
    // Not allowed here: the threads keep their priority, and other requests are slower while passwords are hashed.
  }
}

/** Warns below OWASP's minimum for argon2id (Password Storage Cheat Sheet): 19 MiB and 2 passes, or an equally costly pair. */
function warnOfWeakHashing({ config, log }: FastifyInstance): void {
  const { argon2MemoryKib: memoryKib, argon2Iterations: iterations } = config
  if (memoryKib * (iterations + 1) < 19_456 * 3 && memoryKib < 47_104) {
    log.warn(`ARGON2_MEMORY_KIB=${memoryKib} with ARGON2_ITERATIONS=${iterations} is below OWASP's minimum`)
  }
}

function warnOfNoLimits({ config, log }: FastifyInstance): void {
  if (config.limits === 'off') log.warn('LIMITS=off: passwords can be guessed as fast as they are hashed')
}

/** A key that `startproject` has made was often committed with the project, and whoever has it makes tokens of every imported user. */
function warnOfLegacyTokens({ config, clock, log }: FastifyInstance): void {
  const { legacyJwtSecret, legacyJwtUntil } = config
  if (legacyJwtSecret?.startsWith('django-insecure-')) {
    log.warn(
      'LEGACY_JWT_SECRET begins with django-insecure-: whoever has seen the source of that project may be able to log in as any user of it',
    )
  }
  if (legacyJwtUntil !== undefined && legacyJwtUntil <= clock()) {
    log.warn('LEGACY_JWT_UNTIL has passed: tokens of the system before are refused, and LEGACY_JWT_* can be unset')
  }
}

function warnOfPlainKeys({ config, log }: FastifyInstance): void {
  if (config.secretsKey === undefined) log.warn('SECRETS_KEY is not set: the signing keys are not encrypted in the database')
}
