import { randomBytes } from 'node:crypto'
import { hash } from '@node-rs/argon2'
import { sharesOf } from '../address.ts'
import type { Core } from '../context.ts'
import { type Problem, unavailable } from '../errors.ts'
import type { Origin } from '../events/record.ts'
import { FairQueue } from '../fair-queue.ts'
import { costOf, verifyHash } from './formats.ts'
import { RefusalPace } from './refusal-pace.ts'

/** The longest `Retry-After`, whatever the queue seems to need: a clock that jumps makes hashes look slow. */
const RETRY_AFTER_LIMIT_SECONDS = 60
/** The time of one hash is the median of this many: some seem slow because the event loop was busy when they were ready. */
const HASHES_REMEMBERED = 32
/** RFC 9106 §3.1. */
const LEAST_KIB_A_LANE = 8

/**
 * Password hashes: argon2id (RFC 9106) in PHC string format. They are computed off the event loop, at most
 * `HASHING_CONCURRENCY` at once, so that the rest of the service keeps its share of the machine. Those that wait take turns by network, and
 * when `HASHING_QUEUE` of them wait, the network with most of them gives way to others.
 */
export class Hashing {
  readonly #core: Pick<Core, 'config' | 'clock'>
  readonly #queue: FairQueue
  readonly #pace = new RefusalPace()
  /** How long the latest took. */
  readonly #hashesMs: number[] = []
  #refused = 0
  /** A hash that no password has. Comparing with it costs as much as comparing with a user's. */
  readonly decoy: string

  constructor(core: Pick<Core, 'config' | 'clock'>) {
    const { argon2MemoryKib, argon2Iterations, argon2Parallelism, hashingConcurrency, hashingQueue } = core.config
    this.#core = core
    this.#queue = new FairQueue({ concurrency: hashingConcurrency, capacity: hashingQueue })
    const unpadded = (bytes: number) => randomBytes(bytes).toString('base64').replaceAll('=', '')
    const cost = `m=${argon2MemoryKib},t=${argon2Iterations},p=${argon2Parallelism}`
    this.decoy = `$argon2id$v=19$${cost}$${unpadded(16)}$${unpadded(32)}`
  }

  /** Hashes that are being computed, hashes that wait for their turn, and those that were refused since the start. */
  get stats(): { readonly active: number; readonly waiting: number; readonly refused: number } {
    return { active: this.#queue.active, waiting: this.#queue.waiting, refused: this.#refused }
  }

  /**
   * Refuses who would find no place in the queue, before anything else is done for it: reading and counting for a flood of logins would
   * otherwise take the time of all others. It answers a network that asks on and on a second later: see `RefusalPace`.
   *
   * @throws {Problem} `overloaded`
   */
  async refuseIfFull({ address }: Origin): Promise<void> {
    const shares = sharesOf(address)
    if (this.#queue.admits(shares)) return
    const refusal = this.#refusal()
    await this.#pace.wait(shares[0])
    throw refusal
  }

  /**
   * @param origin in whose name it waits
   * @throws {Problem} `overloaded` when too many wait
   */
  hash(origin: Origin, password: string): Promise<string> {
    const { argon2MemoryKib: memoryCost, argon2Iterations: timeCost, argon2Parallelism: parallelism } = this.#core.config
    return this.#inTurn(origin, () => hash(password, { memoryCost, timeCost, parallelism }))
  }

  /**
   * Whether a password is the one of a hash; false for a hash that cannot be read.
   *
   * It takes as long as a hash of today's settings, also where the stored one costs less or cannot be read. Otherwise its time
   * would tell a user with an older hash from an unknown name. Two differences remain: memory and passes are only nearly
   * interchangeable, and a hash that costs more, from before the settings were lowered, takes longer.
   *
   * @param origin in whose name it waits
   * @throws {Problem} `overloaded` when too many wait
   */
  matches(origin: Origin, stored: string, password: string): Promise<boolean> {
    return this.#inTurn(origin, async () => {
      const matches = await verifyHash(stored, password)
      await this.#makeUp(stored, password)
      return matches
    })
  }

  /** Whether a hash cost less memory or fewer passes than the settings ask for. */
  isWeaker(stored: string): boolean {
    const { argon2MemoryKib, argon2Iterations } = this.#core.config
    const { memoryKib, iterations } = costOf(stored)
    return memoryKib < argon2MemoryKib || iterations < argon2Iterations
  }

  /** Does the work that a comparison with a cheaper hash has saved. */
  async #makeUp(stored: string, password: string): Promise<void> {
    const { argon2MemoryKib, argon2Iterations: timeCost, argon2Parallelism: parallelism } = this.#core.config
    const { memoryKib, iterations } = costOf(stored)
    const memoryCost = Math.floor((argon2MemoryKib * timeCost - memoryKib * iterations) / timeCost)
    if (memoryCost < LEAST_KIB_A_LANE * parallelism) return
    await hash(password, { memoryCost, timeCost, parallelism })
  }

  /** When the queue is full it refuses at once: a waiting request holds memory, and its client gives up before its turn comes. */
  #inTurn<T>(origin: Origin, work: () => Promise<T>): Promise<T> {
    const refused = (): never => {
      throw this.#refusal()
    }
    return this.#queue.run(sharesOf(origin.address), () => this.#timed(work), refused)
  }

  #refusal(): Problem {
    this.#refused++
    return unavailable('overloaded', 'Too many passwords are being checked. Try again later.', this.#queueSeconds())
  }

  async #timed<T>(work: () => Promise<T>): Promise<T> {
    const began = this.#core.clock()
    try {
      return await work()
    } finally {
      this.#hashesMs.push(this.#core.clock() - began)
      if (this.#hashesMs.length > HASHES_REMEMBERED) this.#hashesMs.shift()
    }
  }

  /** How long the hashes that wait now will take, in whole seconds. */
  #queueSeconds(): number {
    const hashes = this.#queue.waiting + this.#queue.active
    const sorted = this.#hashesMs.toSorted((a, b) => a - b)
    const hashMs = sorted[(sorted.length - 1) >> 1] ?? 0
    const seconds = Math.ceil((hashMs * hashes) / this.#core.config.hashingConcurrency / 1000)
    return Math.min(RETRY_AFTER_LIMIT_SECONDS, Math.max(1, seconds))
  }
}
