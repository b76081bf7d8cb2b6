import { DatabaseError } from 'pg'
import { DatabaseForbidden, DatabaseUnavailable, QueryRefused } from '../errors.ts'

/** The transaction has left nothing behind, and may succeed when it is run again: its COMMIT was never sent. */
export class Interrupted extends DatabaseUnavailable {}

/**
 * Codes of PostgreSQL's manual, "PostgreSQL Error Codes", by which the database cannot do its work now: connections (08), credentials (28),
 * a database that is not there (3D), resources (53), limits such as those of time (57, 25P03), files (58), faults of the server (XX, F0),
 * a server that takes no writes (25006), locks that are not free (55P03).
 */
const UNAVAILABLE = /^(08|28|3D|53|57|58|XX|F0|25006|25P03|55P03)/
/** Deadlocks, and where a transaction has to give way to another (40). */
const CONFLICT = /^40/
/**
 * A prepared statement that is not what this process believes: the tables have changed under it (0A000), or another client has the
 * connection by turns.
 */
const STALE = /^(0A000|26000|42P05)$/
/** The server takes no writes: what stands at this address may be another one after the next connect. */
const READ_ONLY = '25006'
/** Rights that are missing. */
const FORBIDDEN = '42501'

/** No connection can be opened now, but a little later it may: the server is not there, or starts, or has no more connections. */
export class NotThereYet extends DatabaseUnavailable {}

const NOT_THERE_YET = /^(ECONN|ENOENT|ENOTFOUND|EAI_AGAIN|EHOST|ENET|ETIMEDOUT|EPIPE|08|53|57)/

/** Why a connection could not be opened. */
export function connectFailure(error: Error & { readonly code?: string }): DatabaseUnavailable {
  if (error instanceof DatabaseUnavailable) return error
  const { code = '' } = error
  // Of several addresses of a host, each has its own.
  const message = error instanceof AggregateError ? error.errors.map((each: Error) => each.message).join(', ') : error.message
  const text = error instanceof DatabaseError ? `${code}: ${message}` : message
  const mayCome = NOT_THERE_YET.test(code) || /timeout|terminated/.test(message)
  return mayCome ? new NotThereYet(text) : new DatabaseUnavailable(text)
}

/** Whether a connection that has thrown this is of no use any more. */
export function endsConnection(error: unknown): boolean {
  return !(error instanceof DatabaseError) || /^(08|57P|25P03|0A000|26000|42P05|XX)/.test(codeOf(error)) || codeOf(error) === READ_ONLY
}

/**
 * The failure that every dialect would throw in its place. What the server says in detail is left out: it may be what a user has typed.
 *
 * @param isSent whether a COMMIT was sent, or a statement that is one
 */
export function translate(error: unknown, isSent: boolean): Error {
  if (!(error instanceof DatabaseError)) return lost(error as Error, isSent)
  const code = codeOf(error)
  const text = `${code}: ${error.message}`
  if (CONFLICT.test(code) || STALE.test(code)) return new Interrupted(text)
  if (code === FORBIDDEN) return new DatabaseForbidden(text)
  if (!UNAVAILABLE.test(code)) return new QueryRefused(text)
  return /^(57P0|08)/.test(code) && !isSent ? new Interrupted(text) : new DatabaseUnavailable(text)
}

function lost(error: Error, isSent: boolean): Error {
  if (error instanceof DatabaseUnavailable || error instanceof QueryRefused) return error
  return isSent
    ? new DatabaseUnavailable(`${error.message}; nobody knows whether the last change was made`)
    : new Interrupted(error.message)
}

function codeOf({ code }: DatabaseError): string {
  return code ?? ''
}
