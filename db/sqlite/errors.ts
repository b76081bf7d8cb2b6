import SQLite from 'better-sqlite3'
import { DatabaseUnavailable, QueryRefused, TemporaryFilesFailed } from '../errors.ts'
import { describe, describeFailure } from './fault.ts'

const UNAVAILABLE = /^SQLITE_(BUSY|LOCKED|FULL|READONLY|IOERR|CANTOPEN|CORRUPT|NOTADB|PROTOCOL|NOMEM|PERM|AUTH)/

/** Whether another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  return error instanceof SQLite.SqliteError && /^SQLITE_(BUSY|LOCKED)/.test(error.code)
}

/** The name of a database that `openTemporary` has opened. */
export const TEMPORARY = ''

/**
 * The failure that every dialect would throw in its place; what is no error of SQLite stays as it is.
 *
 * @param file the name of the database, as SQLite has opened it
 */
export function translate(error: unknown, file: string): unknown {
  if (!(error instanceof SQLite.SqliteError)) return error
  if (!UNAVAILABLE.test(error.code)) return new QueryRefused(error.message, { cause: error })
  if (file !== TEMPORARY) return new DatabaseUnavailable(describeFailure(file, error), { cause: error })
  const said = describe('temporary files', error.code, error.message)
  return new TemporaryFilesFailed(`${said}; SQLITE_TMPDIR names another folder for them`, { cause: error })
}
