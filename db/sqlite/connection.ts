import SQLite from 'better-sqlite3'

/** SQLite itself must not wait for a lock: it would block the event loop. */
const BUSY_TIMEOUT_MS = 0
/**
 * To what the file of the write-ahead log is cut when SQLite begins it anew. It does so after 4 MiB while nobody is in the way: a limit
 * above that keeps the file from being cut and extended all the time.
 */
export const LOG_LIMIT_BYTES = 8 * 1024 * 1024

/**
 * Opens a SQLite file with the settings that we rely on: foreign keys, commits that survive a power cut, and a write-ahead log
 * that is cut.
 *
 * @throws when the file cannot be opened or is not a database
 */
export function openSqlite(file: string, options: { readonly readonly?: boolean } = {}): SQLite.Database {
  const database = new SQLite(file, { timeout: BUSY_TIMEOUT_MS, ...options })
  try {
    database.pragma('foreign_keys = ON')
    database.pragma('synchronous = FULL')
    database.pragma(`journal_size_limit = ${LOG_LIMIT_BYTES}`)
    // Deleted content is overwritten, where that costs no further writes: plain private keys must not stay in the file.
    database.pragma('secure_delete = FAST')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}
