import sonicBoom, { type SonicBoom } from 'sonic-boom'

const STDOUT = 1
/** Lines that cannot be written wait in memory, up to so many bytes; further ones are dropped. */
const WAITING_LIMIT_BYTES = 1024 * 1024

/**
 * Standard output, for the log. Fastify's own destination ends the process when a line cannot be written, and on its way out tries again for
 * ever: a log file on a full disk would stop the service. Here lines wait, and are dropped when too many do.
 */
export class LogDestination {
  readonly #out: SonicBoom
  #isFailing = false

  constructor(fd = STDOUT) {
    this.#out = new sonicBoom.SonicBoom({ fd, maxLength: WAITING_LIMIT_BYTES })
    this.#out.on('error', () => {
      this.#isFailing = true
    })
    this.#out.on('write', () => {
      this.#isFailing = false
    })
  }

  write(line: string): void {
    this.#out.write(line)
  }

  /** Writes what waits, at the end of the process; nothing where the last line could not be written. */
  flush(): void {
    if (!this.#isFailing) this.#out.flushSync()
  }
}
