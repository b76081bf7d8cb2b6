import { randomBytes } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'
import pLimit from 'p-limit'
import type { Clock } from '../clock.ts'
import { unavailable } from '../errors.ts'

export interface HashingSettings {
  readonly argon2: { readonly memoryKib: number; readonly iterations: number; readonly parallelism: number }
  readonly hashingConcurrency: number
  /** How many may wait for their turn. */
  readonly hashingQueue: number
}

/** However long the queue takes, nobody is sent away for longer: clocks jump. */
const RETRY_AFTER_LIMIT_SECONDS = 60
/** The time of one hash is the median of so many: some are measured long, when the event loop had much else to do. */
const HASHES_REMEMBERED = 32
const ARGON2ID = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=\d+\$/
/** RFC 9106 §3.1. */
const LEAST_KIB_A_LANE = 8

/**
 * Password hashes: argon2id (RFC 9106) in PHC string format, computed off the event loop, only so many at once that
 * the rest of the service keeps its share of the machine.
 */
export class Hashing {
  readonly #settings: HashingSettings['argon2']
  readonly #concurrency: number
  readonly #queueLimit: number
  readonly #clock: Clock
  readonly #turn: ReturnType<typeof pLimit>
  /** What the latest took. */
  readonly #hashesMs: number[] = []
  /** No password's hash. Comparing with it is the same work as comparing with a user's. */
  readonly decoy: string

  constructor({ argon2, hashingConcurrency, hashingQueue }: HashingSettings, clock: Clock) {
    this.#settings = argon2
    this.#concurrency = hashingConcurrency
    this.#queueLimit = hashingQueue
    this.#clock = clock
    this.#turn = pLimit(hashingConcurrency)
    const unpadded = (bytes: number) => randomBytes(bytes).toString('base64').replaceAll('=', '')
    const cost = `m=${argon2.memoryKib},t=${argon2.iterations},p=${argon2.parallelism}`
    this.decoy = `$argon2id$v=19$${cost}$${unpadded(16)}$${unpadded(32)}`
  }

  /** @throws {Problem} `overloaded` when too many wait */
  hash(password: string): Promise<string> {
    const { memoryKib, iterations, parallelism } = this.#settings
    return this.#inTurn(() => hash(password, { memoryCost: memoryKib, timeCost: iterations, parallelism }))
  }

  /**
   * Whether a password is the one of a hash; false for a hash that cannot be read.
   *
   * It takes as long as the settings ask for, also where the hash costs less: else the time would tell a user whose hash
   * is older than the settings, or cannot be read, from nobody. What remains: memory and passes cost alike only nearly, and
   * one whose hash costs more (the settings were lowered) is still slower than nobody.
   *
   * @throws {Problem} `overloaded` when too many wait
   */
  matches(stored: string, password: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const matches = await verify(stored, password).catch(() => false)
      await this.#makeUp(stored, password)
      return matches
    })
  }

  /** Whether a hash cost less memory or fewer passes than the settings ask for. */
  isWeaker(stored: string): boolean {
    const { memoryKib, iterations } = costOf(stored)
    return !(memoryKib >= this.#settings.memoryKib && iterations >= this.#settings.iterations)
  }

  /** Does the work that a comparison with a cheaper hash has saved. */
  async #makeUp(stored: string, password: string): Promise<void> {
    const { memoryKib, iterations, parallelism } = this.#settings
    const { memoryKib: storedKib, iterations: storedIterations } = costOf(stored)
    const missingKib = Math.floor((memoryKib * iterations - storedKib * storedIterations) / iterations)
    if (missingKib < LEAST_KIB_A_LANE * parallelism) return
    await hash(password, { memoryCost: missingKib, timeCost: iterations, parallelism })
  }

  /** Past the limit it is refused at once: a waiting request holds memory, and its client gives up anyway. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#turn.pendingCount >= this.#queueLimit) {
      throw unavailable('overloaded', 'Too many passwords are being checked. Try again later.', this.#queueSeconds())
    }
    return this.#turn(() => this.#timed(work))
  }

  async #timed<T>(work: () => Promise<T>): Promise<T> {
    const began = this.#clock()
    try {
      return await work()
    } finally {
      this.#hashesMs.push(this.#clock() - began)
      if (this.#hashesMs.length > HASHES_REMEMBERED) this.#hashesMs.shift()
    }
  }

  /** When all that wait now will have had their turn, in whole seconds. */
  #queueSeconds(): number {
    const hashes = this.#turn.pendingCount + this.#turn.activeCount
    const sorted = this.#hashesMs.toSorted((a, b) => a - b)
    const hashMs = sorted[(sorted.length - 1) >> 1] ?? 0
    const seconds = Math.ceil((hashMs * hashes) / this.#concurrency / 1000)
    return Math.min(RETRY_AFTER_LIMIT_SECONDS, Math.max(1, seconds))
  }
}

/** What a hash cost; nothing when it cannot be read. */
function costOf(stored: string): { memoryKib: number; iterations: number } {
  const [, memoryKib = 0, iterations = 0] = ARGON2ID.exec(stored) ?? []
  return { memoryKib: Number(memoryKib), iterations: Number(iterations) }
}
