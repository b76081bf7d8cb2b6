import { createHash } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import type { Clock } from '../clock.ts'

/** For all of it: name, connection, headers and body. */
const TIMEOUT_MS = 1000
/** Some six times what Pwned Passwords answers. */
const ANSWER_LIMIT_BYTES = 256 * 1024
/** Checks under way at once, and so sockets. What comes beyond them is not checked. */
const UNDER_WAY_LIMIT = 32
const WARNING_INTERVAL_MS = 60_000

export interface BreachCheckOptions {
  /** Of a range API, with a slash at its end; undefined for no check. */
  readonly url: string | undefined
  readonly clock: Clock
  readonly log: { warn(details: object, message: string): void }
  /** In milliseconds. */
  readonly timeoutMs?: number
  readonly resolve?: (hostname: string) => Promise<unknown>
}

/**
 * Asks a range API in the format of Pwned Passwords whether a password is known from a breach. By k-anonymity: the
 * first five hex digits of its SHA-1 are all that leaves, and the answer lists the rest of every known hash that
 * begins so. Whoever does not answer in time, or in this format, stops nobody: the password counts as unknown, and
 * the log and the counters say so.
 */
export class BreachCheck {
  /** Since the start: passwords that were found, that were not, and that could not be checked. */
  readonly stats = { breached: 0, unknown: 0, failed: 0 }
  readonly #options: BreachCheckOptions
  #underWay = 0
  #resolving: Promise<unknown> | undefined
  #warnedAt = Number.NEGATIVE_INFINITY

  constructor(options: BreachCheckOptions) {
    this.#options = options
  }

  /** False, too, when the check is off or fails. */
  async isBreached(password: string): Promise<boolean> {
    if (this.#options.url === undefined) return false
    const hash = createHash('sha1').update(password).digest('hex').toUpperCase()
    try {
      const isBreached = lists(await this.#ask(this.#options.url, hash.slice(0, 5)), hash.slice(5))
      this.stats[isBreached ? 'breached' : 'unknown']++
      return isBreached
    } catch (error) {
      this.#fail(error as Error)
      return false
    }
  }

  async #ask(url: string, prefix: string): Promise<string> {
    if (this.#underWay >= UNDER_WAY_LIMIT) throw new Error('too many checks are under way')
    this.#underWay++
    try {
      const signal = AbortSignal.timeout(this.#options.timeoutMs ?? TIMEOUT_MS)
      await unlessAborted(this.#resolve(new URL(url).hostname), signal)
      // Padding hides from whoever watches the wire how long the answer is, and so which range was asked for.
      const headers = { 'add-padding': 'true', 'user-agent': 'latchkey' }
      const answer = await fetch(`${url}${prefix}`, { headers, redirect: 'error', signal })
      const text = await boundedText(answer)
      if (answer.status !== 200) throw new Error(`its status is ${answer.status}`)
      return text
    } finally {
      this.#underWay--
    }
  }

  /**
   * A resolver that hangs keeps a thread of Node's pool for long after the second, and hashing needs the pool. So there
   * is one look-up at a time, and no connection is tried before it has answered.
   */
  #resolve(hostname: string): Promise<unknown> {
    const { resolve = lookup } = this.#options
    this.#resolving ??= resolve(hostname.replace(/^\[|\]$/g, '')).finally(() => {
      this.#resolving = undefined
    })
    return this.#resolving
  }

  /** A dead checker does not flood the log. */
  #fail(error: Error): void {
    this.stats.failed++
    const { clock, log } = this.#options
    if (clock() - this.#warnedAt < WARNING_INTERVAL_MS) return
    this.#warnedAt = clock()
    log.warn({ reason: reasonOf(error), failed: this.stats.failed }, 'the breach check fails, and passwords are taken without it')
  }
}

/** The promise's end, or the signal's. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  return Promise.race([promise, aborted])
}

async function boundedText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength
    if (bytes > ANSWER_LIMIT_BYTES) throw new Error('its answer does not end')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('latin1')
}

/** Whether a range, lines of `SUFFIX:COUNT`, has a hash. Padding is told by its count, which is 0. */
function lists(range: string, suffix: string): boolean {
  if (range !== '' && !/^[\dA-F]{35}:\d/i.test(range)) throw new Error('its answer is no range of hashes')
  return new RegExp(`^${suffix}:0*[1-9]`, 'im').test(range)
}

/** fetch hides what went wrong in the cause. */
function reasonOf({ name, message, cause }: Error): string {
  if (name === 'TimeoutError') return 'it does not answer in time'
  const { code, message: inner } = (cause ?? {}) as NodeJS.ErrnoException
  return code ?? inner ?? message
}
