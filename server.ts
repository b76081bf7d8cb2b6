import { readdirSync, readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import type { FastifyInstance } from 'fastify'
import { buildApp } from './app.ts'
import { loadConfig } from './config.ts'
import { explain } from './explain.ts'
import { LogDestination } from './http/log-destination.ts'
import { unblockedStdout } from './http/unblocked-stdout.ts'

/** Requests that are still in flight this long after the signal are cut off. */
const STOP_TIMEOUT_MS = 8000
/** How long the end waits for the last lines of the log, whose reader may stall. */
const FLUSH_LIMIT_MS = 500
/** Threads of Node's pool beyond those that hash: without it, files and DNS look-ups would wait for password hashes. */
const POOL_RESERVE = 1
const LOWEST_PRIORITY = 19
const THREADS = '/proc/self/task'

// Without this flag V8 puts requests into the old generation after a login storm; memory then grows by 100 MB between collections.
setFlagsFromString('--no-allocation-site-pretenuring')

try {
  await start()
} catch (error) {
  console.error(`latchkey cannot start: ${explain(error as NodeJS.ErrnoException)}`)
  process.exit(1)
}

async function start(): Promise<void> {
  const config = loadConfig(process.env)
  // Node reads this when the pool is first used, so nothing before this line may use it.
  process.env.UV_THREADPOOL_SIZE ??= String(config.hashingConcurrency + POOL_RESERVE)
  const log = new LogDestination(unblockedStdout(), (lost, reason) => {
    app.log.warn({ lost }, `${lost} log lines were lost, because standard output could not be written: ${reason}`)
  })
  const app = await buildApp({ config, log })
  stopOnSignal(app, log)
  await app.listen({
    host: config.host,
    port: config.port,
    listenTextResolver: (address) => `latchkey listens on ${address}, its documentation is at ${address}/docs`,
  })
  lowerPoolPriority()
  warnOfWeakHashing(app)
  warnOfPlainKeys(app)
  warnOfNoLimits(app)
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

/** The first SIGTERM or SIGINT finishes the requests in flight, closes the database and exits; further signals change nothing. */
function stopOnSignal(app: FastifyInstance, log: LogDestination): void {
  const stop = () => {
    if (!app.isStopping()) void stopApp(app, log)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

async function stopApp(app: FastifyInstance, log: LogDestination): Promise<void> {
  setTimeout(() => app.server.closeAllConnections(), STOP_TIMEOUT_MS).unref()
  await app.close()
  await log.flush(FLUSH_LIMIT_MS)
  process.exit(0)
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

function warnOfPlainKeys({ config, log }: FastifyInstance): void {
  if (config.secretsKey === undefined) log.warn('SECRETS_KEY is not set: the signing keys are not encrypted in the database')
}
