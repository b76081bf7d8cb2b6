import { hash } from '@node-rs/argon2'
import { type PasswordHash, readHash } from '../../db/password-hashes.ts'
import { sharesOf } from '../address.ts'
import type { Core } from '../context.ts'
import { type Problem, unavailable } from '../errors.ts'
import type { Origin } from '../events/record.ts'
import { FairQueue } from '../fair-queue.ts'
import { decoyOfKind, isComparedWhole, verifyHash } from './formats.ts'
import { MemoryRoom } from './memory-room.ts'
import { RefusalPace } from './refusal-pace.ts'

/** The longest `Retry-After`, whatever the queue seems to need: a clock that jumps makes hashes look slow. */
const RETRY_AFTER_LIMIT_SECONDS = 60
/** The time of one hash is the median of this many: some seem slow because the event loop was busy when they were ready. */
const HASHES_REMEMBERED = 32

/**
 * Password hashes: argon2id (RFC 9106) in PHC string format, and those of other systems, to compare with. They are computed off the event
 * loop, at most `HASHING_CONCURRENCY` at once, and as many as `HASHING_MEMORY_MIB` holds, so that the rest of the service keeps its share of
 * the machine. Those that wait take turns by network, and when `HASHING_QUEUE` of them wait, the network with most of them gives way to others.
 */
export class Hashing {
  readonly #core: Pick<Core, 'config' | 'clock'>
  readonly #queue: FairQueue
  readonly #pace = new RefusalPace()
  /** How long the latest took. */
  readonly #hashesMs: number[] = []
  #refused = 0
  readonly #room: MemoryRoom
  /** The kind of the hashes that are made now, as `judgeHash` names it. */
  readonly kind: string
  /** A hash of today's kind that no password has. Comparing with it costs as much as comparing with a user's. */
  readonly decoy: string

  constructor(core: Pick<Core, 'config' | 'clock'>) {
    const { argon2MemoryKib, argon2Iterations, argon2Parallelism, hashingConcurrency, hashingQueue, hashingMemoryMib } = core.config
    this.#core = core
    this.#queue = new FairQueue({ concurrency: hashingConcurrency, capacity: hashingQueue })
    this.#room = new MemoryRoom(Math.max(hashingMemoryMib * 1024, argon2MemoryKib))
    this.kind = `argon2id$m=${argon2MemoryKib},t=${argon2Iterations},p=${argon2Parallelism}`
    this.decoy = decoyOfKind(this.kind) as string
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
    return this.#inTurn(origin, memoryCost, () => hash(password, { memoryCost, timeCost, parallelism }))
  }

  /**
   * Whether a password is the one of a hash. One that nothing is compared with is right for no password, and costs what today's do; for a
   * user who has such a hash take that of `Decoys`, else the time tells the user from an unknown name.
   *
   * @param origin in whose name it waits
   * @throws {Problem} `overloaded` when too many wait
   */
  matches(origin: Origin, stored: string, password: string): Promise<boolean> {
    const read = readHash(stored, true)
    const isRead = typeof read !== 'string'
    const compared = isRead ? read : (readHash(this.decoy, true) as PasswordHash)
    const memoryKib = Math.min(compared.memoryKib, this.#room.kib)
    return this.#inTurn(origin, memoryKib, async () => (await verifyHash(compared, password)) && isRead)
  }

  /**
   * Whether passwords are compared with a stored text: it can be read, and is within the bounds of `judgeHash` and of `HASHING_MEMORY_MIB`.
   *
   * @param isOurs whether it was made here: then the settings of that time are its bounds
   */
  isComparable(stored: string, isOurs: boolean): boolean {
    const read = readHash(stored, isOurs)
    return typeof read !== 'string' && ((isOurs && !read.isForeign) || read.memoryKib <= this.#room.kib)
  }

  /** Whether a hash is of another system, or cost less memory or fewer passes than the settings ask for. */
  isWeaker(stored: string): boolean {
    const { argon2MemoryKib, argon2Iterations } = this.#core.config
    const read = readHash(stored, true)
    if (typeof read === 'string' || read.scheme !== 'argon2' || read.isForeign) return true
    return read.memoryKib < argon2MemoryKib || read.iterations < argon2Iterations
  }

  /** Whether a password that matched was compared as a whole: else another one would have matched as well. */
  isComparedWhole(stored: string, password: string): boolean {
    const read = readHash(stored, true)
    return typeof read !== 'string' && isComparedWhole(read, password)
  }

  /** When the queue is full it refuses at once: a waiting request holds memory, and its client gives up before its turn comes. */
  #inTurn<T>(origin: Origin, memoryKib: number, work: () => Promise<T>): Promise<T> {
    const refused = (): never => {
      throw this.#refusal()
    }
    return this.#queue.run(sharesOf(origin.address), () => this.#room.run(memoryKib, () => this.#timed(work)), refused)
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
