import { setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'

/** In real time, not by the service's clock: the outcome of other attempts is waited for. */
const ASK_AGAIN_MS = 50
const PATIENCE_MS = 15_000
/** Each waiting attempt holds a request open; the first of a line also reads a few rows each time it asks. */
const LONGEST_LINE = 250
const MOST_WAITING = 1000

interface Line {
  readonly turn: ReturnType<typeof pLimit>
  length: number
}

/** A line for each thing that is waited for: the first in it asks again and again, the others come after it. */
export class WaitingLines {
  readonly #lines = new Map<string, Line>()
  #waiting = 0

  /** How many wait, in all lines. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * Asks until there is an answer.
   *
   * @param key names the line
   * @param ask answers undefined as long as there is no answer
   * @returns undefined when the line or the time was too long
   */
  async wait<T>(key: string, ask: () => Promise<T | undefined>): Promise<T | undefined> {
    const line = this.#lines.get(key) ?? { turn: pLimit(1), length: 0 }
    if (line.length >= LONGEST_LINE || this.#waiting >= MOST_WAITING) return undefined
    const deadline = performance.now() + PATIENCE_MS
    this.#lines.set(key, line)
    line.length++
    this.#waiting++
    try {
      return await line.turn(() => askUntil(deadline, ask))
    } finally {
      this.#waiting--
      if (--line.length === 0) this.#lines.delete(key)
    }
  }
}

async function askUntil<T>(deadline: number, ask: () => Promise<T | undefined>): Promise<T | undefined> {
  for (;;) {
    const answer = await ask()
    if (answer !== undefined || performance.now() > deadline) return answer
    await sleep(ASK_AGAIN_MS)
  }
}
