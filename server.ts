import { readdirSync, readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import type { FastifyInstance } from 'fastify'
import { buildApp } from './app.ts'
import { loadConfig } from './config.ts'
import { explain } from './explain.ts'

/** After this time, what is still in flight is cut off. */
const STOP_TIMEOUT_MS = 8000
/** Threads of Node's pool beyond those that may hash: the little else that uses the pool would wait for hashes otherwise. */
const POOL_RESERVE = 1
const LOWEST_PRIORITY = 19
const THREADS = '/proc/self/task'

// V8 would see the requests of waiting logins live long, and from then on make the parts of every request among the old
// objects, where they stay until some 100 MB of them are collected at once.
setFlagsFromString('--no-allocation-site-pretenuring')

try {
  await start()
} catch (error) {
  console.error(`latchkey cannot start: ${explain(error as NodeJS.ErrnoException)}`)
  process.exit(1)
}

async function start(): Promise<void> {
  const config = loadConfig(process.env)
  // Before the pool is first used: hashing may fill its share, and everything else still finds a thread.
  process.env.UV_THREADPOOL_SIZE ??= String(config.hashingConcurrency + POOL_RESERVE)
  const app = await buildApp({ config })
  stopOnSignal(app)
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
 * Gives the threads of Node's pool the lowest priority, so that hashing leaves the event loop its share of a full
 * machine. Best effort: on Linux, where priorities belong to threads and one may lower one's own.
 */
function lowerPoolPriority(): void {
  if (process.platform !== 'linux') return
  try {
    for (const thread of readdirSync(THREADS)) {
      const name = readFileSync(`${THREADS}/${thread}/comm`, 'utf8').trim()
      if (name === 'libuv-worker') setPriority(Number(thread), LOWEST_PRIORITY)
    }
  } catch {
    // A system that does not let us: logins and other requests share the machine evenly.
  }
}

/** The first signal finishes what is in flight, closes the database and exits; further ones change nothing. */
function stopOnSignal(app: FastifyInstance): void {
  const stop = () => {
    if (!app.isStopping()) void stopApp(app)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

async function stopApp(app: FastifyInstance): Promise<void> {
  setTimeout(() => app.server.closeAllConnections(), STOP_TIMEOUT_MS).unref()
  await app.close()
  process.exit(0)
}

/** OWASP's minimum for argon2id (Password Storage Cheat Sheet): 19 MiB and 2 passes, or what costs as much. */
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
