import type { Compilable, CompiledQuery, QueryResult } from 'kysely'
import type { Handle } from './database.ts'

type Value = string | number | null

/** Stands in a query for the value that a run will bring. */
class Parameter {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

/** A dialect's adapter that can run a query without Kysely's way through promises, which costs twice what the query does. */
export interface DirectAdapter {
  /** Undefined when it cannot be run just now: then the ordinary way, which is patient, is to be gone. */
  runDirectly?<O>(sql: string, parameters: readonly unknown[]): QueryResult<O> | undefined
}

/** In the place of a value of type `T`: the value called `name` of each run. */
type Placeholder = <T extends Value>(name: string) => T

/**
 * A query that is built once and run with new values: building and preparing cost several times what running does.
 *
 * @param build makes the query; `value(name)` stands where the value called `name` will
 * @returns runs the query on a handle, with values by name
 */
export function hot<O>(build: (db: Handle, value: Placeholder) => Compilable<O>) {
  /** One a dialect: its adapter is the same object for a database and for all its transactions. */
  const built = new WeakMap<object, CompiledQuery<O>>()

  function query(db: Handle): CompiledQuery<O> {
    const { adapter } = db.getExecutor()
    let made = built.get(adapter)
    if (made === undefined) {
      made = build(db, (name) => new Parameter(name) as never).compile()
      built.set(adapter, made)
    }
    return made
  }

  return async (db: Handle, values: Readonly<Record<string, Value>>): Promise<QueryResult<O>> => {
    const made = query(db)
    const parameters = made.parameters.map((value) => (value instanceof Parameter ? values[value.name] : value))
    const adapter = db.getExecutor().adapter as DirectAdapter
    return adapter.runDirectly?.<O>(made.sql, parameters) ?? db.executeQuery<O>({ ...made, parameters })
  }
}
