import { setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteDialect,
  SqliteDriver,
  type SqliteStatement,
} from 'kysely'
import type { Adapter } from '../dialect.ts'
import { isBusy, translate } from './errors.ts'

/** SQLite itself never waits for a lock: it would sleep on the event loop. */
const BUSY_TIMEOUT_MS = 0
/** How long a statement is tried again, without holding the event loop. */
const BUSY_DEADLINE_MS = 5000
/** Often: between two commits of a busy process the lock is free for a fraction of a millisecond, and nobody queues for it. */
const BUSY_RETRY_MS = 1

/** Kysely's SQLite dialect, with write transactions that lock at once, prepared statements that are kept, and patience. */
export class PatientSqliteDialect extends SqliteDialect {
  readonly #database: SQLite.Database
  readonly #statements: Statements
  readonly #isDirect: boolean

  /** @param isDirect whether hot queries need not wait for the transactions of this connection */
  constructor(database: SQLite.Database, isDirect: boolean) {
    super({ database })
    this.#database = database
    this.#statements = keepStatements(database)
    this.#isDirect = isDirect
  }

  override createDriver(): Driver {
    return new PatientSqliteDriver(this.#database, this.#statements)
  }

  override createAdapter(): SqliteAdapter {
    return this.#isDirect ? new DirectSqliteAdapter(this.#statements) : new TransactionalAdapter()
  }
}

/** SQLite's transactions cover changes of the schema; Kysely does not rely on it unless told. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

/** Runs hot queries at once, on a connection where nothing but what is meant to see them is under way. */
class DirectSqliteAdapter extends TransactionalAdapter implements Adapter {
  readonly #statements: Statements

  constructor(statements: Statements) {
    super()
    this.#statements = statements
  }

  runDirectly<O>(sql: string, parameters: readonly unknown[]): QueryResult<O> | undefined {
    try {
      const statement = this.#statements.prepare(sql)
      if (statement.reader) return { rows: statement.all(parameters) as O[] }
      statement.run(parameters)
      return { rows: [] }
    } catch (error) {
      if (isBusy(error)) return undefined
      throw translate(error)
    }
  }
}

/**
 * Opens a SQLite file so that an answered write survives a power cut.
 *
 * @throws when the file cannot be opened or is not a database
 */
export function openSqlite(file: string, options: { readonly readonly?: boolean } = {}): SQLite.Database {
  const database = new SQLite(file, { timeout: BUSY_TIMEOUT_MS, ...options })
  try {
    database.pragma('foreign_keys = ON')
    database.pragma('synchronous = FULL')
    // A private key that was replaced by its encryption, or has done its work, is overwritten.
    database.pragma('secure_delete = FAST')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

type Statements = ReturnType<typeof keepStatements>

class PatientSqliteDriver extends SqliteDriver {
  readonly #database: SQLite.Database
  #connection: DatabaseConnection | undefined

  constructor(database: SQLite.Database, statements: Statements) {
    super({ database: statements })
    this.#database = database
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    this.#connection ??= patient(await super.acquireConnection())
    return this.#connection
  }

  /** Plain `begin` takes the lock at the first write, and fails at once when another process wrote since the first read. */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }

  /** A full disk has already rolled back by itself. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.inTransaction) await super.rollbackTransaction(connection)
  }
}

/** The connection, trying again while another process holds the lock, and speaking of failures as every dialect does. */
function patient(connection: DatabaseConnection): DatabaseConnection {
  return {
    streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize),
    executeQuery: <R>(query: CompiledQuery) => patiently(() => connection.executeQuery<R>(query)),
  }
}

/**
 * Does some work on the database, again and again while another process holds the lock, without holding the event loop.
 *
 * @throws {DatabaseUnavailable} when the lock is not to be had in time, or the database cannot do its work
 */
export async function patiently<T>(work: () => T | Promise<T>): Promise<T> {
  const deadline = performance.now() + BUSY_DEADLINE_MS
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw translate(error)
      await sleep(BUSY_RETRY_MS)
    }
  }
}

/** What Kysely needs of the database, preparing each text of SQL once. The texts are those of our own queries: few. */
function keepStatements(database: SQLite.Database) {
  const statements = new Map<string, SqliteStatement & SQLite.Statement>()
  return {
    prepare(sql: string) {
      let statement = statements.get(sql)
      if (statement === undefined) {
        statement = database.prepare(sql) as SqliteStatement & SQLite.Statement
        statements.set(sql, statement)
      }
      return statement
    },
    close: () => void database.close(),
  }
}
