import { createHash } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import type { Clock } from '../clock.ts'

/** For the whole check: name look-up, connection, headers and body. */
const TIMEOUT_MS = 1000
/** Some six times the size of an answer of Pwned Passwords. */
const ANSWER_LIMIT_BYTES = 256 * 1024
/** Checks, and so sockets, under way at once. Further passwords are taken without a check. */
const UNDER_WAY_LIMIT = 32
const WARNING_INTERVAL_MS = 60_000

export interface BreachCheckOptions {
  /** Of a range API, with a slash at its end; undefined for no check. */
  readonly url: string | undefined
  /** Monotonic: by a time of day that was set back, it would not warn for days. */
  readonly clock: Clock
  readonly log: { warn(details: object, message: string): void }
  /** In milliseconds. */
  readonly timeoutMs?: number
  readonly resolve?: (hostname: string) => Promise<unknown>
}

/**
 * Asks a range API in the format of Pwned Passwords whether a password is known from a breach. By k-anonymity: only the first
 * five hex digits of its SHA-1 are sent, and the answer lists the rest of every known hash that begins with them. When the
 * API does not answer in time, or in another format, the password counts as unknown; the log and `stats` show the failure.
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

  /** Also false when the check is off or fails. */
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
      // Without padding the length of the encrypted answer would reveal which range was asked for.
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
   * A name look-up that hangs keeps a thread of Node's pool, which hashing needs, long after the check has given up. So there
   * is one look-up at a time, and no connection before it has answered.
   */
  #resolve(hostname: string): Promise<unknown> {
    const { resolve = lookup } = this.#options
    this.#resolving ??= resolve(hostname.replace(/^\[|\]$/g, '')).finally(() => {
      this.#resolving = undefined
    })
    return this.#resolving
  }

  /** Warns once a minute at most: an API that is down must not flood the log. */
  #fail(error: Error): void {
    this.stats.failed++
    const { clock, log } = this.#options
    if (clock() - this.#warnedAt < WARNING_INTERVAL_MS) return
    this.#warnedAt = clock()
    log.warn({ reason: reasonOf(error), failed: this.stats.failed }, 'the breach check fails, and passwords are taken without it')
  }
}

/** The promise; rejects when the signal aborts first. */
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

/** Whether a range, which is lines of `SUFFIX:COUNT`, has a hash. Lines of padding have the count 0. */
function lists(range: string, suffix: string): boolean {
  if (range !== '' && !/^[\dA-F]{35}:\d/i.test(range)) throw new Error('its answer is no range of hashes')
  return new RegExp(`^${suffix}:0*[1-9]`, 'im').test(range)
}

/** `fetch` says only "fetch failed": what went wrong is in its cause. */
function reasonOf({ name, message, cause }: Error): string {
  if (name === 'TimeoutError') return 'it does not answer in time'
  const { code, message: inner } = (cause ?? {}) as NodeJS.ErrnoException
  return code ?? inner ?? message
}
