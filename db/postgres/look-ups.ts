import type { HotQuery, HotRun } from '../dialect.ts'
import { QueryRefused } from '../errors.ts'
import type { Connection } from './connection.ts'
import { answersOf, bySignature, type Gathered, GatheredStatements } from './gathered.ts'
import { type Asked, Gatherer, type Settle } from './gatherer.ts'
import type { Pool } from './pool.ts'

/**
 * Gathers look-ups. Each is asked of the server after it was called for, so its answer is never older than the request.
 *
 * @param readers a pool whose connections are all for look-ups alone
 * @param size of the pool
 */
export function gatherLookUps(readers: Pool, size: number): Gatherer {
  // The look-up for each element of the arrays: a `lateral` subquery in which the elements stand for its own parameters.
  const statements = new GatheredStatements(
    (sql, asked) => `select asked.number, found.* from ${asked} cross join lateral (${sql}) as found`,
  )
  return new Gatherer(readers, size, async (connection, query, asked, fail) => {
    const groups = [...bySignature(query, asked)]
    await Promise.all(groups.map(([signature, same]) => settleSame(connection, query, statements.of(query, signature), same, fail)))
  })
}

type Fail = Parameters<Settle>[3]

async function settleSame(
  connection: Connection,
  query: HotQuery,
  statement: Gathered | undefined,
  asked: readonly Asked[],
  fail: Fail,
): Promise<void> {
  if (asked.length === 1 || statement === undefined) return settleEach(connection, query, asked, fail)
  try {
    const found = answersOf(await connection.runGathered(statement.sql, statement.parametersOf(asked), false), asked.length)
    for (const [index, { resolve }] of asked.entries()) resolve({ rows: found[index] as never[] })
  } catch (error) {
    // One value may fail what it was asked with.
    if (error instanceof QueryRefused) await settleEach(connection, query, asked, fail)
    else fail(asked, error)
  }
}

async function settleEach(connection: Connection, query: HotQuery, asked: readonly Asked[], fail: Fail): Promise<void> {
  const settle = async (one: Asked) => {
    try {
      one.resolve(await connection.executeQuery(runOf(query, one)))
    } catch (error) {
      fail([one], error)
    }
  }
  await Promise.all(asked.map(settle))
}

/** A run of a query by itself. */
export function runOf(query: HotQuery, { parameters }: Asked): HotRun<never> {
  return { ...(query.compiled as HotRun<never>), parameters, hot: query as HotQuery<never> }
}
