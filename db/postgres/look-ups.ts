import type { HotQuery, HotRun } from '../dialect.ts'
import { QueryRefused } from '../errors.ts'
import type { Connection } from './connection.ts'
import { type Asked, answersOf } from './gathered.ts'
import { type Batch, Gatherer } from './gatherer.ts'
import type { Pool } from './pool.ts'

/**
 * Gathers look-ups. Each is asked of the server after it was called for, so its answer is never older than the request.
 *
 * @param readers a pool whose connections are all for look-ups alone
 * @param size of the pool
 */
export function gatherLookUps(readers: Pool, size: number): Gatherer {
  return new Gatherer(readers, size, forEach, settle)
}

/** The look-up for each element of the arrays: a `lateral` subquery in which the elements stand for its own parameters. */
function forEach(sql: string, asked: string): string {
  return `select asked.number, found.* from ${asked} cross join lateral (${sql}) as found`
}

async function settle(connection: Connection, batch: Batch): Promise<void> {
  const { asked, statement, fail } = batch
  if (asked.length === 1 || statement === undefined) return settleEach(connection, batch)
  try {
    const found = answersOf(await connection.runGathered(statement.sql, statement.parametersOf(asked), false), asked.length)
    for (const [index, { resolve }] of asked.entries()) resolve({ rows: found[index] as never[] })
  } catch (error) {
    // One value may fail what it was asked with.
    if (error instanceof QueryRefused) await settleEach(connection, batch)
    else fail(asked, error)
  }
}

async function settleEach(connection: Connection, { query, asked, fail }: Batch): Promise<void> {
  const settleOne = async (one: Asked) => {
    try {
      one.resolve(await connection.executeQuery(runOf(query, one)))
    } catch (error) {
      fail([one], error)
    }
  }
  await Promise.all(asked.map(settleOne))
}

/** A run of a query by itself. */
export function runOf(query: HotQuery, { parameters }: Asked): HotRun<never> {
  return { ...(query.compiled as HotRun<never>), parameters, hot: query as HotQuery<never> }
}
