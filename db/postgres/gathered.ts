import type { QueryResult } from 'kysely'
import type { HotQuery } from '../dialect.ts'

/** A run of a query, and who waits for it. */
export interface Asked {
  readonly parameters: readonly unknown[]
  readonly resolve: (result: QueryResult<never>) => void
  readonly reject: (error: unknown) => void
  isAgain: boolean
}

/** A statement for any number of runs of a query. */
export interface Gathered {
  readonly sql: string
  readonly parametersOf: (asked: readonly Asked[]) => unknown[]
}

/**
 * Writes the statement. Its rows begin with the number of the run, from 1 on.
 *
 * @param sql the query, in which columns of `asked` stand for its parameters
 * @param asked what they come from: arrays, beside the `number` of the run
 */
export type Write = (sql: string, asked: string) => string

const INTEGER = 'i'
const TEXT = 't'
const NULL = 'n'
const OTHER = '?'

/** Makes, and keeps, the statements for the queries of one database, which differ by the types of the values. */
export class GatheredStatements {
  readonly #write: Write
  readonly #known = new WeakMap<HotQuery, Map<string, Gathered>>()

  constructor(write: Write) {
    this.#write = write
  }

  /** The statement for runs whose values have types of this signature. Undefined when they cannot share one. */
  of(query: HotQuery, signature: string): Gathered | undefined {
    if (!isGatherable(signature)) return undefined
    const known = this.#known.get(query) ?? new Map<string, Gathered>()
    this.#known.set(query, known)
    const statement = known.get(signature) ?? gather(query, signature, this.#write)
    known.set(signature, statement)
    return statement
  }
}

/** Runs by the types of their values: each has a letter in the key, which is called their signature. */
export function bySignature({ isGiven }: HotQuery, asked: readonly Asked[]): Map<string, Asked[]> {
  return Map.groupBy(asked, ({ parameters }) => parameters.map((value, at) => (isGiven[at] ? letterOf(value) : '')).join(''))
}

function letterOf(value: unknown): string {
  if (value === null) return NULL
  return Number.isSafeInteger(value) ? INTEGER : typeof value === 'string' ? TEXT : OTHER
}

function isGatherable(signature: string): boolean {
  return (signature.includes(INTEGER) || signature.includes(TEXT)) && !signature.includes(OTHER)
}

function gather({ compiled, isGiven }: HotQuery, signature: string, write: Write): Gathered {
  const given = isGiven.flatMap((isOne, at) => (isOne ? [at] : []))
  const arrays = given.filter((_, place) => signature[place] !== NULL)
  const fixed = isGiven.flatMap((isOne, at) => (isOne ? [] : [at]))
  const typeOf = (at: number) => signature[given.indexOf(at)]
  const sql = compiled.sql.replace(/\$(\d+)/g, (_, number: string) => {
    const at = Number(number) - 1
    if (!isGiven[at]) return `$${arrays.length + fixed.indexOf(at) + 1}`
    if (typeOf(at) === NULL) return 'null'
    // Elements of an array have the collation of the database, and the columns another.
    return typeOf(at) === TEXT ? `(asked.value${at} collate "C")` : `asked.value${at}`
  })
  const unnested = arrays.map((at, place) => `$${place + 1}::${typeOf(at) === TEXT ? 'text' : 'bigint'}[]`)
  const names = arrays.map((at) => `value${at}`)
  return {
    sql: write(sql, `unnest(${unnested.join(', ')}) with ordinality as asked(${names.join(', ')}, number)`),
    parametersOf: (asked) => [
      ...arrays.map((at) => asked.map(({ parameters }) => parameters[at])),
      ...fixed.map((at) => compiled.parameters[at]),
    ],
  }
}

/** What the rows of a gathered statement say, for each of the runs. */
export function answersOf({ rows, columns }: { readonly rows: unknown[][]; readonly columns: string[] }, runs: number): object[][] {
  const answers: object[][] = Array.from({ length: runs }, () => [])
  for (const row of rows) answers[(row[0] as number) - 1]?.push(objectOf(columns, row))
  return answers
}

function objectOf(columns: readonly string[], row: readonly unknown[]): object {
  const object: Record<string, unknown> = {}
  for (let at = 1; at < columns.length; at++) object[columns[at] as string] = row[at]
  return object
}
