import type SQLite from 'better-sqlite3'
import { openSqlite } from './connection.ts'
import { TEMPORARY, translate } from './errors.ts'

/**
 * Opens a database that is gone when it is closed, or its process ends in any way: SQLite keeps it in a file without a name in the folder for
 * temporary files, and little of it in memory.
 */
export function openTemporary(): SQLite.Database {
  const sqlite = openSqlite(TEMPORARY)
  // Nobody else sees it, and it need not survive.
  sqlite.pragma('journal_mode = MEMORY')
  return sqlite
}

/** Does some work on such a database. @throws {TemporaryFilesFailed} */
export function onScratch<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw translate(error, TEMPORARY)
  }
}
