// Not on PostgreSQL: it is about the disks of SQLite.
import { sql } from 'kysely'
import t from 'tap'
import type { Database } from '../../db/database.ts'
import { DatabaseUnavailable, TemporaryFilesFailed } from '../../db/errors.ts'
import { openEmptyDatabase } from '../../db/open.ts'
import { explain } from '../../explain.ts'
import { insert, openIn } from './file.ts'

/** Writes until there is no room, which is so at once: SQLite says the same where it may have no more pages. */
async function fill(db: Database): Promise<Error> {
  return db
    .write(async (handle) => {
      await sql`pragma max_page_count = 1`.execute(handle)
      for (let i = 0; i < 1000; i++) await insert(handle, `user-${i}`)
      return new Error('there was room')
    })
    .catch((error) => error)
}

t.test('a full disk is told with the file and, as SQLite does not say which, that it may be the one of temporary files', async (t) => {
  const { db, file } = await openIn(t)
  const error = await fill(db)
  t.type(error, DatabaseUnavailable)
  t.equal(error.message, `${file}: its disk is full, or that of temporary files, which SQLITE_TMPDIR names (SQLITE_FULL)`)
})

t.test('no room for temporary files is told as such, and not of the database that the settings name', async (t) => {
  const db = await openEmptyDatabase()
  t.teardown(() => db.close())
  const error = await fill(db)
  t.type(error, TemporaryFilesFailed)
  const line = 'temporary files: the disk is full (SQLITE_FULL); SQLITE_TMPDIR names another folder for them'
  t.equal(explain(error, 'latchkey: '), `latchkey: ${line}`)
})
