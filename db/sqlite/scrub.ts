import { DatabaseUnavailable } from '../errors.ts'
import { openSqlite } from './connection.ts'
import { patiently } from './dialect.ts'

/** The `user_version` of a file that holds nothing but what is in its rows, since migration 013 has deleted names from them. */
const SCRUBBED = 1

/**
 * Writes the file anew where it may hold what a migration has deleted: on free pages, and in gaps of others. Once: where there is no room
 * for a copy of the database, or another process writes for too long, the next start tries again. What is deleted later is overwritten as
 * it is deleted.
 */
export async function scrubOnce(file: string): Promise<void> {
  await patiently(file, () => scrub(file)).catch((error) => {
    if (!(error instanceof DatabaseUnavailable)) throw error
  })
}

function scrub(file: string): void {
  const sqlite = openSqlite(file)
  try {
    if ((sqlite.pragma('user_version', { simple: true }) as number) >= SCRUBBED) return
    sqlite.exec('vacuum')
    sqlite.pragma(`user_version = ${SCRUBBED}`)
    // The write-ahead log holds old pages, too. Where another process reads, it goes with the last process that stops.
    sqlite.pragma('wal_checkpoint(truncate)')
  } finally {
    sqlite.close()
  }
}
