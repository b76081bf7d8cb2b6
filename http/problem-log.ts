import type { FastifyBaseLogger } from 'fastify'
import type { Problem, ProblemCode } from '../domain/errors.ts'
import { CountedLines } from './counted-lines.ts'

/**
 * The refusals that come in storms, with the level of their lines: what the operator may have to mend is a warning. They are counted, for
 * a line a request would fill the disk. Those that are not here have their request's line alone.
 */
const REFUSALS: Partial<Record<ProblemCode, 'warn' | 'info'>> = {
  database_unavailable: 'warn',
  overloaded: 'warn',
  stopping: 'info',
  throttled: 'info',
  cross_site: 'info',
}

/** Faults that are told apart within a second. Further ones are counted as one. */
const DIFFERENT_FAULTS = 10

/** What the log says of the request that was answered with a problem. */
export interface Refused {
  readonly reqId: string
  readonly method: string
  /** The pattern of its route; undefined where it has none. */
  readonly path: string | undefined
  readonly ip: string | undefined
}

/** Whether a problem has a counted line, and its request therefore none of its own. */
export function isCounted(code: ProblemCode | undefined): boolean {
  return code !== undefined && code in REFUSALS
}

/** Logs the problems that an operator should know of: at most one line a second of each code, and of each fault of the service. */
export class ProblemLog {
  readonly #log: FastifyBaseLogger
  readonly #refusals = new CountedLines()
  readonly #faults = new CountedLines()

  constructor(log: FastifyBaseLogger) {
    this.#log = log
  }

  /**
   * Logs a problem, now or at the end of the second; nothing when it is the client's alone.
   *
   * @param error what was thrown, of which `problem` is the answer
   */
  note(error: Error, problem: Problem, request: Refused): void {
    const { code, status } = problem
    const level = REFUSALS[code]
    if (code === 'internal_error') this.#noteFault(error, request)
    if (level === undefined) return
    // Those of 503 are texts of the service and of the database. SQLITE_FULL is what an operator looks for at night.
    const reason = status === 503 ? error.message : undefined
    this.#refusals.add(code, (count) => this.#log[level]({ code, status, count, reason, ...request }, 'requests were refused'))
  }

  /** Writes what is held back until the end of the second. */
  flush(): void {
    this.#refusals.flush()
    this.#faults.flush()
  }

  #noteFault(error: Error, request: Refused): void {
    const own = `${error.name}: ${error.message}\n${placeOf(error)}`
    const key = this.#faults.has(own) || this.#faults.size < DIFFERENT_FAULTS ? own : 'others'
    this.#faults.add(key, (count) => this.#log.error({ count, ...request, err: error }, error.message))
  }
}

/** The line of an error's stack that says where it was thrown. */
function placeOf({ stack }: Error): string | undefined {
  return stack?.split('\n').find((line) => /^ +at /.test(line))
}

/** An error in the log: without the further members that a library may have put into it, such as the bytes that it could not read. */
export function loggedError(error: Error): { type: string; message: string; stack: string } {
  return { type: error.constructor.name, message: error.message, stack: stackOf(error) }
}

function stackOf({ stack, cause }: Error): string {
  return cause instanceof Error ? `${stack}\ncaused by: ${stackOf(cause)}` : `${stack}`
}
