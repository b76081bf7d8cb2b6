import { type Kysely, sql } from 'kysely'
import pg from 'pg'
import type { Test } from 'tap'
import type { Database } from '../../../db/database.ts'
import { openDatabase } from '../../../db/open.ts'
import { databaseUrl } from '../../databases.ts'

/**
 * A new database, open, and two connections beside it: with one a test does what others do, and with the other it looks on, for within a
 * transaction the server always shows the same activity.
 */
export async function open(t: Test): Promise<{ db: Database; others: pg.Client; onlooker: pg.Client }> {
  const url = await databaseUrl(t)
  const db = await openDatabase(url)
  const [others, onlooker] = [new pg.Client(url), new pg.Client(url)]
  await Promise.all([others.connect(), onlooker.connect()])
  t.teardown(async () => {
    await Promise.all([others.end(), onlooker.end()])
    await db.close()
  })
  return { db, others, onlooker }
}

/** The server's process behind a handle. */
// biome-ignore lint/suspicious/noExplicitAny: whatever its tables are.
export async function processOf(handle: Kysely<any>): Promise<number> {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(handle)
  return (rows[0] as { pid: number }).pid
}

/** Resolves to the server's process that waits for a lock, as soon as one does. */
export async function waitingForLock(onlooker: pg.Client): Promise<number> {
  for (;;) {
    const waiting = `select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
    const [row] = (await onlooker.query<{ pid: number }>(waiting)).rows
    if (row !== undefined) return row.pid
  }
}
