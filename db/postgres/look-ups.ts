import type { QueryResult } from 'kysely'
import type { HotQuery, HotRun } from '../dialect.ts'
import { DatabaseOverloaded, DatabaseUnavailable, QueryRefused } from '../errors.ts'
import { type Connection, checked } from './connection.ts'
import { Interrupted } from './errors.ts'
import type { Pool } from './pool.ts'

/** Look-ups of one statement. */
const BATCH_LIMIT = 1000
const WAITING_LIMIT = 20_000

interface Asked {
  readonly parameters: readonly unknown[]
  readonly resolve: (result: QueryResult<never>) => void
  readonly reject: (error: unknown) => void
  isAgain: boolean
}

interface Kind {
  readonly query: HotQuery
  asked: Asked[]
}

/**
 * Gathers look-ups: those of one query that come in one turn of the event loop, or while all connections are busy, share one statement.
 * Each is asked of the server after it was called for, so its answer is never older than the request.
 */
export class LookUps {
  readonly #readers: Pool
  readonly #kinds = new Map<HotQuery, Kind>()
  readonly #size: number
  #asked = 0
  #busy = 0
  #isScheduled = false

  /** @param size connections of the pool, all of which are for look-ups alone */
  constructor(readers: Pool, size: number) {
    this.#readers = readers
    this.#size = size
  }

  /** @throws {DatabaseOverloaded} when too many wait, and whatever a connection throws */
  ask<O>(query: HotQuery<O>, parameters: readonly unknown[]): Promise<QueryResult<O>> {
    if (this.#asked >= WAITING_LIMIT) return Promise.reject(new DatabaseOverloaded('too many look-ups are waiting'))
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
    if (this.#isScheduled || this.#busy >= this.#size || this.#asked === 0) return
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
      const connection = await this.#readers.take()
      try {
        await Promise.all(taken.map(({ query, asked }) => this.#answer(connection, query, asked)))
      } finally {
        this.#readers.give(connection)
      }
    } catch (error) {
      this.#refuse([...taken, ...this.#takeAll()], error)
    } finally {
      this.#busy--
      this.#schedule()
    }
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

  async #answer(connection: Connection, query: HotQuery, asked: readonly Asked[]): Promise<void> {
    await Promise.all([...byTypes(query, asked)].map(([signature, same]) => this.#answerSame(connection, query, signature, same)))
  }

  async #answerSame(connection: Connection, query: HotQuery, signature: string, asked: readonly Asked[]): Promise<void> {
    if (asked.length === 1 || !isGatherable(signature)) return this.#answerEach(connection, query, asked)
    try {
      await answerMany(connection, gathered(query, signature), asked)
    } catch (error) {
      // One value may fail what it was asked with.
      if (error instanceof QueryRefused) await this.#answerEach(connection, query, asked)
      else this.#failed(query, asked, error)
    }
  }

  async #answerEach(connection: Connection, query: HotQuery, asked: readonly Asked[]): Promise<void> {
    const answer = async (one: Asked) => {
      try {
        const run: HotRun<never> = { ...(query.compiled as HotRun<never>), parameters: one.parameters, hot: query as HotQuery<never> }
        one.resolve(await connection.executeQuery(run))
      } catch (error) {
        this.#failed(query, [one], error)
      }
    }
    await Promise.all(asked.map(answer))
  }

  #refuse(kinds: readonly Kind[], error: unknown): void {
    for (const { asked } of kinds) for (const { reject } of asked) reject(error)
  }

  /**
   * What was under way when a connection broke is asked again, once. When the server does not answer, those that wait are told so, too: they
   * have waited as long.
   */
  #failed(query: HotQuery, asked: readonly Asked[], error: unknown): void {
    if (error instanceof DatabaseUnavailable && !(error instanceof Interrupted)) this.#refuse(this.#takeAll(), error)
    for (const one of asked) {
      if (one.isAgain || !(error instanceof Interrupted)) one.reject(error)
      else this.#push(query, Object.assign(one, { isAgain: true }))
    }
  }
}

async function answerMany(connection: Connection, { sql, parametersOf }: Gathered, asked: readonly Asked[]): Promise<void> {
  const { rows, columns } = await connection.lookUp(sql, parametersOf(asked))
  const answers: object[][] = asked.map(() => [])
  for (const row of rows) answers[(row[0] as number) - 1]?.push(objectOf(columns, row))
  asked.forEach(({ resolve }, index) => {
    resolve({ rows: answers[index] as never[] })
  })
}

/** The first column is the number of the look-up. */
function objectOf(columns: readonly string[], row: readonly unknown[]): object {
  const object: Record<string, unknown> = {}
  for (let at = 1; at < columns.length; at++) object[columns[at] as string] = row[at]
  return object
}

/** Look-ups by the types of their values: each has a letter in the key. */
function byTypes({ isGiven }: HotQuery, asked: readonly Asked[]): Map<string, Asked[]> {
  return Map.groupBy(asked, ({ parameters }) => parameters.map((value, at) => (isGiven[at] ? letterOf(value) : '')).join(''))
}

const INTEGER = 'i'
const TEXT = 't'
const OTHER = '?'

function letterOf(value: unknown): string {
  return Number.isSafeInteger(value) ? INTEGER : typeof value === 'string' ? TEXT : OTHER
}

function isGatherable(signature: string): boolean {
  return signature !== '' && !signature.includes(OTHER)
}

/** A statement for any number of look-ups. */
interface Gathered {
  readonly sql: string
  readonly parametersOf: (asked: readonly Asked[]) => unknown[]
}

const statements = new WeakMap<HotQuery, Map<string, Gathered>>()

function gathered(query: HotQuery, signature: string): Gathered {
  const known = statements.get(query) ?? new Map<string, Gathered>()
  statements.set(query, known)
  const statement = known.get(signature) ?? gather(query, signature)
  known.set(signature, statement)
  return statement
}

/**
 * The look-up for each element of arrays, which are parameters: `select` of `unnest` of them, beside the look-up as a `lateral` subquery in
 * which the elements stand for its own parameters.
 */
function gather({ compiled, isGiven }: HotQuery, signature: string): Gathered {
  const given = isGiven.flatMap((isOne, at) => (isOne ? [at] : []))
  const fixed = isGiven.flatMap((isOne, at) => (isOne ? [] : [at]))
  const inside = compiled.sql.replace(/\$(\d+)/g, (_, number: string) => {
    const place = given.indexOf(Number(number) - 1)
    if (place < 0) return `$${given.length + fixed.indexOf(Number(number) - 1) + 1}`
    // Elements of an array have the collation of the database, and the columns another.
    return signature[place] === TEXT ? `(asked.value${place + 1} collate "C")` : `asked.value${place + 1}`
  })
  const arrays = given.map((_, place) => `$${place + 1}::${signature[place] === TEXT ? 'text' : 'bigint'}[]`)
  const names = given.map((_, place) => `value${place + 1}`)
  return {
    sql:
      `select asked.number, found.* from unnest(${arrays.join(', ')}) with ordinality as asked(${names.join(', ')}, number) ` +
      `cross join lateral (${inside}) as found`,
    parametersOf: (asked) => [
      ...given.map((at) => asked.map(({ parameters }) => parameters[at])),
      ...fixed.map((at) => compiled.parameters[at]),
    ],
  }
}
