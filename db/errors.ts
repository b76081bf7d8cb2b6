/** All failures of a database, the same for every dialect. Whatever else a query function throws is a fault of our code. */
export abstract class DatabaseError extends Error {}

/**
 * The database cannot do its work now. From SQLite: another process keeps the file locked for five seconds, the disk is full or fails,
 * the file or its folder cannot be made, opened, read or written, or is no SQLite database. From PostgreSQL: the server cannot be reached,
 * does not answer, lets nobody in, takes no writes, has no connection or space left; or the answer to a commit was lost, and nobody knows
 * whether it was done. By opening, reads and writes.
 */
export class DatabaseUnavailable extends DatabaseError {}

/**
 * The open database is not where it was opened any more: its file was deleted, moved or replaced. It stays so until it is opened anew. By
 * `check` and `look`, and then by reads and writes.
 */
export class DatabaseLost extends DatabaseUnavailable {
  /** What has become of it. */
  readonly change: string

  /** @param toDo what a service does from now on, and its operator has to do */
  constructor(change: string, toDo: string) {
    super(`${change}. ${toDo}`)
    this.change = change
  }
}

/** There is no room for temporary files, or they cannot be written: the database itself may be well. By what works on a copy there. */
export class TemporaryFilesFailed extends DatabaseUnavailable {}

/** The user that the database is used as may not do that, and its owner has to allow it. By opening, reads and writes. */
export class DatabaseForbidden extends DatabaseUnavailable {}

/** More writes wait than the database will get to in reasonable time. By `write`, before the job has run. */
export class DatabaseOverloaded extends DatabaseError {}

/** The tables cannot be brought up to date: they were made by a newer version, or not by Latchkey. By opening only. */
export class NotOurDatabase extends DatabaseError {}

/** The database refuses a query, as it will each time: a constraint does not hold, or somebody has changed the tables. By reads and writes. */
export class QueryRefused extends DatabaseError {}
