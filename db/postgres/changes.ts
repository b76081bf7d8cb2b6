import type { HotQuery } from '../dialect.ts'
import { QueryRefused } from '../errors.ts'
import type { Connection } from './connection.ts'
import { Interrupted } from './errors.ts'
import { answersOf } from './gathered.ts'
import { type Batch, Gatherer } from './gatherer.ts'
import { runOf } from './look-ups.ts'
import type { Pool } from './pool.ts'
import { inTransaction } from './transaction.ts'

/** Statements under way. A commit costs the server several times what an update does: the fewer there are, the more updates share one. */
const AT_ONCE = 1

/** Whether runs of a query can share a statement: an update of one table, on a condition, that says which rows it has changed. */
export function isGatherable({ compiled: { query } }: HotQuery): boolean {
  if (query.kind !== 'UpdateQueryNode') return false
  const { where, returning, from, joins, with: parts } = query
  return where !== undefined && returning !== undefined && !from && !joins && !parts
}

/**
 * Gathers updates of one statement. Those that come while one is under way share a statement, and so a commit: each changes what it
 * would change by itself, on its own condition, and all are committed or none is.
 *
 * @param writers a pool that lends connections also to others
 */
export function gatherChanges(writers: Pool): Gatherer {
  return new Gatherer(writers, AT_ONCE, changeEach, (connection, batch) => settle(writers, connection, batch))
}

const UPDATE = /^update (\S+) set (.+) where (.+) returning (.+)$/s

/**
 * The update for each element of the arrays. It leaves out the rows that another transaction has locked: so nobody waits for what somebody
 * else has locked, and two that lock the same rows in different orders cannot wait for each other. The rows are looked for one by one
 * (`lateral`), so that each is found by its key, however large the table was when the statement was planned.
 */
function changeEach(sql: string, asked: string): string {
  const [, table, set, where, returning] = UPDATE.exec(sql) as RegExpExecArray
  return (
    `with free as materialized (select asked.* from ${asked} ` +
    `cross join lateral (select from ${table} where ${where} for no key update skip locked) as found) ` +
    `update ${table} set ${set} from free as asked where ${where} returning asked.number, ${returning}`
  )
}

async function settle(writers: Pool, connection: Connection, batch: Batch): Promise<void> {
  const { asked, statement, fail } = batch
  if (statement === undefined) return settleEach(writers, batch)
  try {
    const changed = answersOf(await connection.runGathered(statement.sql, statement.parametersOf(asked), true), asked.length)
    for (const [index, { resolve }] of asked.entries()) if (changed[index]?.length) resolve({ rows: changed[index] as never[] })
    // Their condition does not hold, or their row is locked: alone they wait until it is free.
    settleEach(writers, { ...batch, asked: asked.filter((_, index) => !changed[index]?.length) })
  } catch (error) {
    // One value may fail what it was sent with, and so may one row that another transaction has changed meanwhile.
    if (error instanceof QueryRefused || error instanceof Interrupted) settleEach(writers, batch)
    else fail(asked, error)
  }
}

/**
 * Each on a connection of its own, for which nobody else waits, and in a transaction, in which the server gives up by itself what waits for too
 * long, also behind a pooler.
 */
function settleEach(writers: Pool, { query, asked, fail }: Batch): void {
  for (const one of asked) {
    inTransaction(writers, true, (connection) => connection.executeQuery<never>(runOf(query, one))).then(one.resolve, (error) =>
      fail([one], error),
    )
  }
}
