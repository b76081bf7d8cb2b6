import { setTimeout as sleep } from 'node:timers/promises'
import type SQLite from 'better-sqlite3'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteDialect,
  SqliteDriver,
  type SqliteStatement,
  sql,
} from 'kysely'
import type { Handle } from '../database.ts'
import type { Adapter, HotQuery } from '../dialect.ts'
import { isBusy, translate } from './errors.ts'

/** How long a statement is tried again while another process holds the lock. */
const BUSY_DEADLINE_MS = 5000
/** Short, because there is no queue for the lock, and between two commits of a busy process it is free for less than a millisecond. */
const BUSY_RETRY_MS = 1

/** Throws when nothing may be read or written any more. */
export type Guard = () => void

/** Kysely's SQLite dialect, but write transactions lock at once, prepared statements are kept, and a locked database is tried again. */
export class PatientSqliteDialect extends SqliteDialect {
  readonly #database: SQLite.Database
  readonly #statements: Statements
  readonly #isDirect: boolean
  readonly #guard: Guard

  /**
   * @param isDirect whether hot queries may run at any time: on a connection that reads and writes they would see what is not committed
   * @param guard asked before each query
   */
  constructor(database: SQLite.Database, isDirect: boolean, guard: Guard) {
    super({ database })
    this.#database = database
    this.#statements = keepStatements(database)
    this.#isDirect = isDirect
    this.#guard = guard
  }

  override createDriver(): Driver {
    return new PatientSqliteDriver(this.#database, this.#statements, this.#guard)
  }

  override createAdapter(): SqliteAdapter {
    return this.#isDirect ? new DirectSqliteAdapter(this.#statements, this.#guard) : new TransactionalAdapter()
  }
}

/** In SQLite a transaction also covers changes of the schema. Kysely's adapter denies that, and then no migration may run in one. */
class TransactionalAdapter extends SqliteAdapter implements Adapter {
  override get supportsTransactionalDdl(): boolean {
    return true
  }

  async lastIdOf(handle: Handle, table: string): Promise<number> {
    const { rows } = await sql<{ seq: number }>`select seq from sqlite_sequence where name = ${table}`.execute(handle)
    return rows[0]?.seq ?? 0
  }

  async setLastId(transaction: Handle, table: string, id: number): Promise<void> {
    await sql`delete from sqlite_sequence where name = ${table}`.execute(transaction)
    // Without the cast it would be a floating-point number.
    await sql`insert into sqlite_sequence (name, seq) values (${table}, cast(${id} as integer))`.execute(transaction)
  }
}

/** Runs hot queries at once. */
class DirectSqliteAdapter extends TransactionalAdapter implements Adapter {
  readonly #statements: Statements
  readonly #guard: Guard

  constructor(statements: Statements, guard: Guard) {
    super()
    this.#statements = statements
    this.#guard = guard
  }

  runDirectly<O>({ compiled }: HotQuery<O>, parameters: readonly unknown[]): QueryResult<O> | undefined {
    try {
      this.#guard()
      const statement = this.#statements.prepare(compiled.sql)
      if (statement.reader) return { rows: statement.all(parameters) as O[] }
      statement.run(parameters)
      return { rows: [] }
    } catch (error) {
      if (isBusy(error)) return undefined
      throw translate(error, this.#statements.name)
    }
  }
}

type Statements = ReturnType<typeof keepStatements>

class PatientSqliteDriver extends SqliteDriver {
  readonly #database: SQLite.Database
  readonly #guard: Guard
  #connection: DatabaseConnection | undefined

  constructor(database: SQLite.Database, statements: Statements, guard: Guard) {
    super({ database: statements })
    this.#database = database
    this.#guard = guard
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    this.#connection ??= patient(await super.acquireConnection(), this.#database.name, this.#guard)
    return this.#connection
  }

  /** A plain `begin` locks at the first write, and fails there, whatever the time-out, if another process wrote since the first read. */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }

  /** When the disk is full, SQLite has already rolled back, and a second rollback would fail. Nothing guards it: it ends what has begun. */
  override async rollbackTransaction(): Promise<void> {
    if (this.#database.inTransaction) this.#database.exec('rollback')
  }
}

/** The connection, but a locked database is tried again, and errors are those of `db/errors.ts`. */
function patient(connection: DatabaseConnection, file: string, guard: Guard): DatabaseConnection {
  return {
    streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize),
    executeQuery: <R>(query: CompiledQuery) =>
      patiently(file, () => {
        guard()
        return connection.executeQuery<R>(query)
      }),
  }
}

/**
 * Does some work on the database; while another process holds the lock, tries again for five seconds without blocking the event loop.
 *
 * @param file as in `translate`
 * @throws {DatabaseUnavailable} when the lock is not free in time, or the database cannot do its work
 * @throws {QueryRefused} when SQLite refuses the query
 */
export async function patiently<T>(file: string, work: () => T | Promise<T>): Promise<T> {
  const deadline = performance.now() + BUSY_DEADLINE_MS
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw translate(error, file)
      await sleep(BUSY_RETRY_MS)
    }
  }
}

/** The database as Kysely uses it, but each SQL text is prepared once and kept: our queries are few, so the map stays small. */
function keepStatements(database: SQLite.Database) {
  const statements = new Map<string, SqliteStatement & SQLite.Statement>()
  return {
    name: database.name,
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
