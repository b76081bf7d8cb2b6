import { setTimeout as sleep } from 'node:timers/promises'
import sonicBoom, { type SonicBoom } from 'sonic-boom'

/** Lines that cannot be written wait in memory, up to so many bytes; further ones are lost, until half of it is free again. */
const WAITING_LIMIT_BYTES = 1024 * 1024
/** What failed is tried again after this, then after twice as long, and so on. A pipe has room for some 64 KiB meanwhile. */
const FIRST_RETRY_MS = 4
const LAST_RETRY_MS = 250
const FLUSH_STEP_MS = 5
const SLOW = 'more came than could be written'

/** Told how many lines were lost, and why, once lines can be written again. What it logs comes before all later lines. */
type Report = (lines: number, reason: string) => void

/**
 * Where the log goes, which may be a file on a full disk, or a pipe whose reader stalls or has gone. Fastify's own destination ends the
 * process when a line cannot be written, and on its way out tries again for ever. Here no write holds anything up: lines wait, and are
 * counted and lost when too many do. A line that was written in part is completed before the next one.
 */
export class LogDestination {
  readonly #out: SonicBoom
  readonly #report: Report
  #waitingBytes = 0
  #lost = 0
  /** Why the last write failed, until one succeeds. */
  #fault = SLOW
  /** What the fault was when the last line was lost. */
  #reason = SLOW
  #retryMs = FIRST_RETRY_MS
  #retry: NodeJS.Timeout | undefined

  /** @param fd an open file; a pipe, a socket or a terminal must not block, as `unblockedStdout` makes it */
  constructor(fd: number, report: Report) {
    this.#report = report
    // Left to itself it tries a full pipe again only after 100 ms.
    this.#out = new sonicBoom.SonicBoom({ fd, retryEAGAIN: () => false })
    this.#out.on('error', (error: NodeJS.ErrnoException) => this.#tryLater(error))
    this.#out.on('write', (bytes: number) => this.#written(bytes))
  }

  write(line: string): void {
    const bytes = Buffer.byteLength(line)
    if (this.#lost > 0 || this.#waitingBytes + bytes > WAITING_LIMIT_BYTES) {
      this.#lost++
      this.#reason = this.#fault
      return
    }
    this.#waitingBytes += bytes
    this.#out.write(line)
  }

  /** Resolves when all lines are written, or after so many milliseconds: at the end of the process nothing more can be done for them. */
  async flush(patienceMs: number): Promise<void> {
    const end = performance.now() + patienceMs
    while (this.#waitingBytes > 0 && performance.now() < end) await sleep(FLUSH_STEP_MS)
  }

  #written(bytes: number): void {
    this.#waitingBytes -= bytes
    this.#retryMs = FIRST_RETRY_MS
    this.#fault = SLOW
    if (this.#lost === 0 || this.#waitingBytes > WAITING_LIMIT_BYTES / 2) return
    const lost = this.#lost
    this.#lost = 0
    this.#report(lost, this.#reason)
  }

  #tryLater({ code, message }: NodeJS.ErrnoException): void {
    this.#fault = code === 'EAGAIN' ? 'its reader does not keep up' : message
    if (this.#retry !== undefined) return
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      // The empty line makes it write what waits.
      this.#out.write('')
    }, this.#retryMs).unref()
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS)
  }
}
