import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { DatabaseUnavailable } from '../errors.ts'

/** A sweep asks several times a second, and to start a thread takes longer than what it does. */
const IDLE_MS = 1000

/** Copies the write-ahead log of a file into the database, in a thread of its own, which ends when it has had nothing to do for a second. */
export class Checkpoints {
  readonly #file: string
  #thread: Worker | undefined
  #copying: Promise<boolean> | undefined
  #idle: NodeJS.Timeout | undefined

  constructor(file: string) {
    this.#file = file
  }

  /**
   * Copies all of the log, and cuts its file. Those who ask while it does so share the answer.
   *
   * @returns false when a reader was in the way
   * @throws {DatabaseUnavailable} when the disk is full or fails
   */
  async copy(): Promise<boolean> {
    this.#copying ??= this.#ask().finally(() => {
      this.#copying = undefined
    })
    return this.#copying
  }

  async #ask(): Promise<boolean> {
    clearTimeout(this.#idle)
    try {
      this.#thread ??= startThread(this.#file)
      this.#thread.postMessage('copy')
      const [isCopied] = await once(this.#thread, 'message')
      this.#idle = setTimeout(() => void this.end(), IDLE_MS).unref()
      return isCopied
    } catch (error) {
      // What a thread throws has ended it.
      this.#thread = undefined
      throw new DatabaseUnavailable((error as Error).message, { cause: error })
    }
  }

  /** Resolves when the thread has closed the database. */
  async end(): Promise<void> {
    await this.#copying?.catch(() => {})
    clearTimeout(this.#idle)
    const thread = this.#thread
    if (thread === undefined) return
    this.#thread = undefined
    thread.postMessage('end')
    await once(thread, 'exit')
  }
}

function startThread(file: string): Worker {
  const thread = new Worker(new URL('checkpoint-thread.ts', import.meta.url), { workerData: file })
  // Without a listener, an error of a thread that is idle would end the process.
  thread.on('error', () => {})
  return thread
}
