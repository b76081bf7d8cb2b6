import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { LogDestination } from './http/log-destination.ts'

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
/** Requests that are still in flight this long after the signal are cut off. */
const CUT_MS = 8000
/** What is not closed this long after the signal stays open. Docker kills a container after 10 seconds. */
const CLOSE_LIMIT_MS = 9000
/** How long the end waits for the last lines of the log, whose reader may stall. */
const FLUSH_LIMIT_MS = 500
/** What threads of Node's pool may be at without end: looking up a name, or working on a file. */
const POOL_WORK = /^(GetAddrInfo|GetNameInfo|FSReq)/

/** What a process that serves has to finish. */
interface Service {
  readonly app: FastifyInstance
  readonly log: LogDestination
}

/**
 * How the process ends. The first SIGTERM, SIGINT or SIGHUP ends it with code 0: at once until it serves, and then once the requests in
 * flight are finished and the database is closed, or with code 1 where that takes too long; further signals change nothing. An error that
 * nothing caught ends it with code 1.
 *
 * To be made before all else is loaded: as the first process of a container it would be deaf to signals until then.
 */
export class Stop {
  #service: Service | undefined
  #isEnding = false

  constructor() {
    for (const signal of SIGNALS) process.on(signal, () => void this.#stop())
    process.on('uncaughtException', (error) => void this.#fail(error))
  }

  /** To be called as soon as there is something to finish. From now on warnings of Node go to the log, too. */
  serve(service: Service): void {
    this.#service = service
    // Node writes them to standard error, and waits for its reader.
    process.removeAllListeners('warning')
    process.on('warning', (err) => service.app.log.warn({ err }, 'Node warns'))
  }

  async #stop(): Promise<void> {
    if (this.#isEnding) return
    this.#isEnding = true
    if (this.#service === undefined) end(0)
    const { app, log } = this.#service
    setTimeout(() => app.server.closeAllConnections(), CUT_MS)
    const isClosed = await Promise.race([close(app), tooLate(app)])
    await log.flush(FLUSH_LIMIT_MS)
    end(isClosed ? 0 : 1)
  }

  async #fail(error: Error): Promise<void> {
    this.#isEnding = true
    const service = this.#service
    // Another one would come here again and again, should the log be what fails.
    this.#service = undefined
    if (service === undefined) {
      console.error(error)
      end(1)
    }
    service.app.log.fatal({ err: error }, 'the process ends, for an error that nothing caught')
    await service.log.flush(FLUSH_LIMIT_MS)
    end(1)
  }
}

async function close(app: FastifyInstance): Promise<boolean> {
  try {
    await app.close()
    return true
  } catch (err) {
    app.log.error({ err }, 'the service could not be closed')
    return false
  }
}

async function tooLate(app: FastifyInstance): Promise<boolean> {
  await sleep(CLOSE_LIMIT_MS)
  app.log.error(`the service ends although it is not closed ${CLOSE_LIMIT_MS / 1000} seconds after the signal`)
  return false
}

/**
 * Ends the process at once. `process.exit` waits for the threads of Node's pool, and so for half a minute where a name server does not
 * answer. To replace the process by one that does nothing but end is what ends them, also in the first process of a container.
 */
function end(code: number): never {
  const isWaiting = process.getActiveResourcesInfo().some((name) => POOL_WORK.test(name))
  if (isWaiting && process.platform !== 'win32') process.execve?.(process.execPath, [process.execPath, '-e', `process.exit(${code})`], {})
  process.exit(code)
}
