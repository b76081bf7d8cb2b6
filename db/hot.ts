import type { Compilable, CompiledQuery, QueryResult } from 'kysely'
import type { Handle } from './database.ts'
import { adapterOf, type HotQuery, type HotRun } from './dialect.ts'

type Value = string | number | null

/** Stands in a query for a value that each run brings. */
class Placeholder {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }

  /** A sum or a text made from a placeholder would be the same in every run. */
  [Symbol.toPrimitive](): never {
    throw new TypeError(`nothing can be computed from "${this.name}" while the query is built`)
  }
}

const placeholders = new Proxy({}, { get: (_, name) => new Placeholder(String(name)) })

/** A `T` that has all members of `V` and no other. */
type Exactly<V, T extends V> = T & { readonly [name in Exclude<keyof T, keyof V>]: never }

/**
 * A query that is built once and run with new values: building and preparing it costs several times what running it does.
 *
 * @param build makes the query; `value.name` stands where the value `name` of each run will. The type of `value` says which values a
 *   run brings: hot((db, value: { id: number }) => …)
 * @param isRead whether anybody looks at the rows. What changes rows and returns none is never read: how many it has changed is not told,
 *   and within a transaction it may be under way still when the promise resolves
 * @returns runs the query on a handle, with exactly these values
 */
export function hot<O, V extends Record<keyof V, Value> = Record<never, Value>>(
  build: (db: Handle, value: V) => Compilable<O>,
  { isRead = true }: { readonly isRead?: boolean } = {},
) {
  /** By adapter, because dialects write SQL differently. */
  const built = new WeakMap<object, HotQuery<O>>()

  function compile(db: Handle): HotQuery<O> {
    const compiled = build(db, placeholders as V).compile()
    const isGiven = compiled.parameters.map((value) => value instanceof Placeholder)
    const query = { compiled, isGiven, isRead: isRead && returnsRows(compiled) }
    built.set(adapterOf(db), query)
    return query
  }

  return async <T extends V>(db: Handle, values: Exactly<V, T>): Promise<Pick<QueryResult<O>, 'rows'>> => {
    const adapter = adapterOf(db)
    const query = built.get(adapter) ?? compile(db)
    const parameters = query.compiled.parameters.map((value) => (value instanceof Placeholder ? values[value.name as keyof V] : value))
    const run: HotRun<O> = { ...query.compiled, parameters, hot: query }
    return adapter.runDirectly?.(query, parameters) ?? db.executeQuery<O>(run)
  }
}

function returnsRows({ query }: CompiledQuery): boolean {
  return query.kind === 'SelectQueryNode' || ('returning' in query && query.returning !== undefined)
}
