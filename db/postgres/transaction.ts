import type { Connection } from './connection.ts'
import type { Pool } from './pool.ts'

/**
 * Does some work in a transaction, on a connection of the pool. When it throws, nothing is left behind.
 *
 * @param isDurable whether the commit is to wait for the disk
 */
export async function inTransaction<T>(pool: Pool, isDurable: boolean, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await pool.take()
  try {
    connection.begin(isDurable)
    const result = await work(connection)
    await connection.commit()
    return result
  } catch (error) {
    await connection.rollback()
    throw error
  } finally {
    pool.give(connection)
  }
}
