import type { HotQuery } from '../dialect.ts'
import { QueryRefused } from '../errors.ts'
import type { Connection } from './connection.ts'
import { answersOf, bySignature, type Gathered, GatheredStatements } from './gathered.ts'
import { type Asked, Gatherer, type Settle } from './gatherer.ts'
import { runOf } from './look-ups.ts'
import type { Pool } from './pool.ts'

/** More would be smaller, and a commit costs the server several times what a change does. */
const AT_ONCE = 2

/** Whether runs of a query can share a statement: an update of one table, on a condition, that says which rows it has changed. */
export function isGatherable({ compiled: { query } }: HotQuery): boolean {
  if (query.kind !== 'UpdateQueryNode') return false
  const { where, returning, from, joins, with: parts } = query
  return where !== undefined && returning !== undefined && !from && !joins && !parts
}

/**
 * Gathers updates of one statement. Those that come while two commits are under way share the next: each changes what it would change by
 * itself, on its own condition, and all are committed together or none is.
 *
 * @param writers a pool that lends connections also to others
 */
export function gatherChanges(writers: Pool): Gatherer {
  const statements = new GatheredStatements(together)
  const settleSame = async (
    connection: Connection,
    query: HotQuery,
    statement: Gathered | undefined,
    asked: readonly Asked[],
    fail: Parameters<Settle>[3],
  ) => {
    if (statement === undefined) return settleEach(writers, query, asked, fail)
    try {
      const changed = answersOf(await connection.runGathered(statement.sql, statement.parametersOf(asked), true), asked.length)
      for (const [index, { resolve }] of asked.entries()) if (changed[index]?.length) resolve({ rows: changed[index] as never[] })
      const unchanged = asked.filter((_, index) => !changed[index]?.length)
      settleEach(writers, query, unchanged, fail)
    } catch (error) {
      // One value may fail what it was sent with.
      if (error instanceof QueryRefused) settleEach(writers, query, asked, fail)
      else fail(asked, error)
    }
  }
  return new Gatherer(writers, AT_ONCE, async (connection, query, asked, fail) => {
    const groups = [...bySignature(query, asked)]
    await Promise.all(groups.map(([signature, same]) => settleSame(connection, query, statements.of(query, signature), same, fail)))
  })
}

/**
 * The statement leaves out the rows that another transaction has locked: it never waits for one, so that nobody waits for what somebody else
 * has locked, and two that lock the same rows in different orders cannot wait for each other. It looks for them first, in a part of its own,
 * and once more when it changes them, for its condition.
 */
const UPDATE = /^update ((?:"\w+"\.)?("\w+")) set (.+) where (.+) returning (.+)$/s

function together(sql: string, asked: string): string {
  const [, table, name, set, where, returning] = UPDATE.exec(sql) as RegExpExecArray
  return (
    `with asked as materialized (select * from ${asked}), ` +
    `free as materialized (select asked.number from asked cross join ${table} where ${where} for no key update of ${name} skip locked) ` +
    `update ${table} set ${set} from asked join free on free.number = asked.number where ${where} returning asked.number, ${returning}`
  )
}

/**
 * Runs by themselves what has changed nothing together with others: its condition does not hold, or its row is locked, and then it waits for
 * it, on a connection of its own.
 */
function settleEach(writers: Pool, query: HotQuery, asked: readonly Asked[], fail: Parameters<Settle>[3]): void {
  for (const one of asked) void settleAlone(writers, query, one, fail)
}

async function settleAlone(writers: Pool, query: HotQuery, one: Asked, fail: Parameters<Settle>[3]): Promise<void> {
  try {
    const connection = await writers.take()
    try {
      one.resolve(await connection.executeQuery(runOf(query, one)))
    } finally {
      writers.give(connection)
    }
  } catch (error) {
    fail([one], error)
  }
}
