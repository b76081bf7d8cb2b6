import SQLite from 'better-sqlite3'
import { DatabaseUnavailable, QueryRefused } from '../errors.ts'
import { describe } from './fault.ts'

const UNAVAILABLE = /^SQLITE_(BUSY|LOCKED|FULL|READONLY|IOERR|CANTOPEN|CORRUPT|NOTADB|PROTOCOL|NOMEM|PERM|AUTH)/

/** Whether another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  return error instanceof SQLite.SqliteError && /^SQLITE_(BUSY|LOCKED)/.test(error.code)
}

/**
 * The failure that every dialect would throw in its place; what is no error of SQLite stays as it is.
 *
 * @param file the name of the database, as SQLite has opened it
 */
export function translate(error: unknown, file: string): unknown {
  if (!(error instanceof SQLite.SqliteError)) return error
  if (UNAVAILABLE.test(error.code)) return new DatabaseUnavailable(describe(file, error.code, error.message), { cause: error })
  return new QueryRefused(error.message, { cause: error })
}
