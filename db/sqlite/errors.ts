import SQLite from 'better-sqlite3'
import { DatabaseUnavailable, DuplicateRow } from '../errors.ts'

const UNAVAILABLE = /^SQLITE_(BUSY|LOCKED|FULL|READONLY|IOERR|CANTOPEN|CORRUPT|NOTADB|PROTOCOL|NOMEM|PERM|AUTH)/

/** Another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  return error instanceof SQLite.SqliteError && /^SQLITE_(BUSY|LOCKED)/.test(error.code)
}

/** The error in the words that every dialect uses, where there are any. */
export function translate(error: unknown): unknown {
  if (!(error instanceof SQLite.SqliteError)) return error
  if (error.code === 'SQLITE_CONSTRAINT_UNIQUE') return new DuplicateRow(error.message, { cause: error })
  if (UNAVAILABLE.test(error.code)) return new DatabaseUnavailable(`${error.code}: ${error.message}`, { cause: error })
  return error
}
