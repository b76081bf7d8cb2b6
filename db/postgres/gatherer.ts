import type { QueryResult } from 'kysely'
import type { HotQuery } from '../dialect.ts'
import { DatabaseOverloaded } from '../errors.ts'
import { type Connection, checked, Unanswered } from './connection.ts'
import { Interrupted } from './errors.ts'
import { type Asked, bySignature, type Gathered, GatheredStatements, type Write } from './gathered.ts'
import type { Pool } from './pool.ts'

/** Runs of one statement. */
const BATCH_LIMIT = 1000
const WAITING_LIMIT = 20_000

/** Runs of one query whose values have the same types. */
export interface Batch {
  readonly query: HotQuery
  readonly asked: readonly Asked[]
  /** Undefined when the runs cannot share one. */
  readonly statement: Gathered | undefined
  /** Tells that runs have failed, unless they are to be made again. */
  readonly fail: (asked: readonly Asked[], error: unknown) => void
}

/** Settles the runs of a batch, each by its own `resolve` or by `fail`. Does not throw. */
export type Settle = (connection: Connection, batch: Batch) => Promise<void>

interface Kind {
  readonly query: HotQuery
  asked: Asked[]
}

/**
 * Gathers runs of queries: those of one query that come in one turn of the event loop, or while enough others are under way, are settled
 * together. Each reaches the server after it was asked for.
 */
export class Gatherer {
  readonly #pool: Pool
  readonly #kinds = new Map<HotQuery, Kind>()
  readonly #most: number
  readonly #statements: GatheredStatements
  readonly #settle: Settle
  #asked = 0
  #busy = 0
  #isScheduled = false
  #onDone: () => void = () => {}

  /**
   * @param most how many connections of the pool it uses at once
   * @param write writes the statement for several runs
   */
  constructor(pool: Pool, most: number, write: Write, settle: Settle) {
    this.#pool = pool
    this.#most = most
    this.#statements = new GatheredStatements(write)
    this.#settle = settle
  }

  /** How many runs wait. */
  get waiting(): number {
    return this.#asked
  }

  /** Resolves when no run waits any more, and none is under way. */
  async done(): Promise<void> {
    if (this.#isDone) return
    await new Promise<void>((resolve) => {
      this.#onDone = resolve
    })
  }

  get #isDone(): boolean {
    return this.#asked === 0 && this.#busy === 0
  }

  /** @throws {DatabaseOverloaded} when too many wait, and whatever a connection throws */
  ask<O>(query: HotQuery<O>, parameters: readonly unknown[]): Promise<QueryResult<O>> {
    if (this.#asked >= WAITING_LIMIT) return Promise.reject(new DatabaseOverloaded('too many queries are waiting'))
    return new Promise((resolve, reject) => {
      checked(parameters)
      this.#push(query as HotQuery, { parameters, resolve: resolve as Asked['resolve'], reject, isAgain: false })
    })
  }

  #push(query: HotQuery, asked: Asked): void {
    const kind = this.#kinds.get(query)
    if (kind === undefined) this.#kinds.set(query, { query, asked: [asked] })
    else kind.asked.push(asked)
    this.#asked++
    this.#schedule()
  }

  /** After the event loop has read the requests that have arrived. */
  #schedule(): void {
    if (this.#isScheduled || this.#busy >= this.#most || this.#asked === 0) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      void this.#send()
    })
  }

  async #send(): Promise<void> {
    this.#busy++
    const taken = this.#takeAll()
    try {
      const connection = await this.#pool.take()
      try {
        await Promise.all(taken.flatMap((kind) => this.#batches(kind)).map((batch) => this.#settle(connection, batch)))
      } finally {
        this.#pool.give(connection)
      }
    } catch (error) {
      this.#refuse([...taken, ...this.#takeAll()], error)
    } finally {
      this.#busy--
      this.#schedule()
      if (this.#isDone) this.#onDone()
    }
  }

  #batches({ query, asked }: Kind): Batch[] {
    const fail: Batch['fail'] = (failed, error) => this.#failed(query, failed, error)
    return [...bySignature(query, asked)].map(([signature, same]) => ({
      query,
      asked: same,
      statement: this.#statements.of(query, signature),
      fail,
    }))
  }

  #takeAll(): Kind[] {
    const taken: Kind[] = []
    for (const { query, asked } of this.#kinds.values()) {
      for (let from = 0; from < asked.length; from += BATCH_LIMIT) taken.push({ query, asked: asked.slice(from, from + BATCH_LIMIT) })
    }
    this.#kinds.clear()
    this.#asked = 0
    return taken
  }

  #refuse(kinds: readonly Kind[], error: unknown): void {
    for (const { asked } of kinds) for (const { reject } of asked) reject(error)
  }

  /**
   * What was under way when a connection broke, and left nothing behind, is asked again, once. When the server does not answer, those that
   * wait are told so, too: they have waited as long.
   */
  #failed(query: HotQuery, asked: readonly Asked[], error: unknown): void {
    if (error instanceof Unanswered) this.#refuse(this.#takeAll(), error)
    for (const one of asked) {
      if (one.isAgain || !(error instanceof Interrupted)) one.reject(error)
      else this.#push(query, Object.assign(one, { isAgain: true }))
    }
  }
}
