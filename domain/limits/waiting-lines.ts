import { setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'

/** In real time, not the service's: it is others' work that is waited for. */
const ASK_AGAIN_MS = 50
const PATIENCE_MS = 15_000
/** Each holds a request open, and no more; the first of a line also reads a few rows each time it asks. */
const LONGEST_LINE = 250
const MOST_WAITING = 1000

interface Line {
  readonly turn: ReturnType<typeof pLimit>
  length: number
}

/** Lines of those who wait for the same: the first of each asks again and again, the others stand behind. */
export class WaitingLines {
  readonly #lines = new Map<string, Line>()
  #waiting = 0

  /**
   * Asks until there is an answer.
   *
   * @param key the same for all that wait for the same
   * @param ask answers undefined as long as it cannot be told
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
