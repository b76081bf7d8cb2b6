import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { sharesOf } from '../address.ts'
import type { Clock } from '../clock.ts'
import { unavailable } from '../errors.ts'
import type { Origin } from '../events/record.ts'
import { FairQueue } from '../fair-queue.ts'
import { counted } from '../repetition.ts'

const THREAD = new URL('estimator-thread.mjs', import.meta.url)
/** What comes after them is not judged: the time it takes grows faster than the length. */
const CHARACTERS_JUDGED = 128
const GUESSES_NEEDED = 10 ** 5
/** Passwords that may wait. Each takes some milliseconds, one that is made to take long a tenth of a second. */
const QUEUE_LIMIT = 128
const RETRY_AFTER_SECONDS = 1
/** Many times what the start of the thread and the worst password take, also on a busy machine: past it a password counts as good. */
const TIMEOUT_MS = 30_000
const WARNING_INTERVAL_MS = 60_000
/** The lists need some 10 MB. With more room V8 would let garbage grow to three times that before it collects it. */
const HEAP_MB = 16
/** A thread that runs out of its heap, for options of Node make it need more, is started again with twice as much, up to this. */
const MOST_HEAP_MB = 128

export interface EstimatorOptions {
  /** Monotonic: by a time of day that was set back, it would not warn for days. */
  readonly clock: Clock
  readonly log: { warn(details: object, message: string): void }
  /** The module that runs as the thread, and answers each password with a number. */
  readonly thread?: URL
  /** In milliseconds. */
  readonly timeoutMs?: number
  /** With how much heap the thread starts. */
  readonly heapMb?: number
}

/**
 * Tells whether a password is easily guessed: it knows repeats, sequences, walks on a keyboard, dates, and common passwords with their usual
 * variants. The estimate is zxcvbn's. It is made in a thread of its own, for lists have to be unpacked and some passwords take a tenth of a
 * second; the thread starts with the first password. One password is judged at a time, and networks take turns.
 *
 * When the thread fails, the password counts as good, and the next one gets a new thread; the log and `stats` show the failure.
 */
export class Estimator {
  /** Since the start: passwords that are guessed, that are not, and that could not be judged. */
  readonly stats = { guessed: 0, good: 0, failed: 0 }
  readonly #queue = new FairQueue({ concurrency: 1, capacity: QUEUE_LIMIT })
  readonly #module: URL
  readonly #timeoutMs: number
  readonly #warn: (reason: string) => void
  #thread: Worker | undefined
  #heapMb: number

  constructor({ clock, log, thread = THREAD, timeoutMs = TIMEOUT_MS, heapMb = HEAP_MB }: EstimatorOptions) {
    this.#module = thread
    this.#heapMb = heapMb
    this.#timeoutMs = timeoutMs
    this.#warn = counted(WARNING_INTERVAL_MS, clock, (_count, reason: string) => {
      log.warn({ reason, failed: this.stats.failed }, 'passwords cannot be judged, and are taken unless they are on the list')
    })
  }

  /**
   * Whether a password is guessed in under 10⁵ tries; also false when it could not be judged.
   *
   * @param origin in whose name it waits
   * @param password folded; its first 128 characters are judged
   * @throws {Problem} `overloaded` when too many wait
   */
  isGuessed(origin: Origin, password: string): Promise<boolean> {
    const refused = (): never => {
      throw unavailable('overloaded', 'Too many passwords are being checked. Try again later.', RETRY_AFTER_SECONDS)
    }
    return this.#queue.run(sharesOf(origin.address), () => this.#judge(password), refused)
  }

  /** Ends the thread, if there is one. */
  async close(): Promise<void> {
    const thread = this.#thread
    this.#thread = undefined
    await thread?.terminate()
  }

  async #judge(password: string): Promise<boolean> {
    try {
      const isGuessed = (await this.#guesses([...password].slice(0, CHARACTERS_JUDGED).join(''))) < GUESSES_NEEDED
      this.stats[isGuessed ? 'guessed' : 'good']++
      return isGuessed
    } catch (error) {
      await this.close()
      if (isOutOfMemory(error) && this.#heapMb < MOST_HEAP_MB) {
        this.#heapMb *= 2
        return this.#judge(password)
      }
      this.stats.failed++
      const { message, cause } = error as Error
      this.#warn(cause instanceof Error ? cause.message : message)
      return false
    }
  }

  /** While it has work, the thread keeps the process alive. */
  async #guesses(password: string): Promise<number> {
    this.#thread ??= this.#start()
    const thread = this.#thread
    thread.ref()
    thread.postMessage(password)
    const guesses = await answerOf(thread, this.#timeoutMs)
    thread.unref()
    return guesses
  }

  #start(): Worker {
    // Without the modules that the process preloads: they could fill its heap.
    const resourceLimits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: this.#heapMb }
    const thread = new Worker(this.#module, { resourceLimits, execArgv: [] })
    // Without a listener, an error of a thread that is idle would end the process.
    thread.on('error', () => {})
    thread.once('exit', () => {
      if (this.#thread === thread) this.#thread = undefined
    })
    return thread
  }
}

function isOutOfMemory(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY'
}

/** The next message of a thread. Rejects when the thread fails, ends, or says nothing in time. */
async function answerOf(thread: Worker, timeoutMs: number): Promise<number> {
  const settled = new AbortController()
  const { signal } = settled
  const fail = (reason: string) => (): never => {
    throw new Error(reason)
  }
  const timer = setTimeout(() => settled.abort(new Error('the thread does not answer in time')), timeoutMs)
  try {
    const message = once(thread, 'message', { signal }).then(([guesses]) => guesses)
    return await Promise.race([message, once(thread, 'exit', { signal }).then(fail('the thread has ended'))])
  } finally {
    clearTimeout(timer)
    settled.abort()
  }
}
