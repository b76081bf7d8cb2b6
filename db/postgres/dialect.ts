import {
  type ColumnBuilderCallback,
  type ColumnDefinitionNode,
  type CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  DataTypeNode,
  type Driver,
  type Kysely,
  type Dialect as KyselyDialect,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryCompiler,
  type QueryResult,
  type RawBuilder,
  RawNode,
  sql,
  type TableMetadata,
} from 'kysely'
import type { Handle } from '../database.ts'
import type { Adapter, HotQuery } from '../dialect.ts'
import { isGatherable } from './changes.ts'
import type { Connection } from './connection.ts'
import type { Gatherer } from './gatherer.ts'

/** Of "latchkey", in ASCII. */
const MIGRATION_LOCK = '7809653424151287161'
/** Rows up to this size are kept as they are. By default PostgreSQL compresses those from 2 kB on, at each change. */
const WHOLE_ROW_BYTES = 4096
/** How long tables may be in use before a lock on them is given up: behind it, those wait who write. */
const LOCK_MS = 5000

interface Last {
  readonly last: number
}

/** Where queries find a connection. */
export interface Lender {
  take(): Promise<DatabaseConnection>
  give(connection: DatabaseConnection): void
}

/**
 * One connection for a job, which may send several statements at once, as Kysely's own transactions may not. When one of them fails the job,
 * others may still be about to come: they must not follow the rollback, for they would be a transaction each.
 */
export class Lease implements Lender, DatabaseConnection {
  readonly #connection: Connection
  #isOver = false

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async take(): Promise<DatabaseConnection> {
    return this
  }

  give(): void {}

  /** @throws {Error} after the end of the job */
  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#isOver) return Promise.reject(new Error('a statement came after its transaction had ended'))
    return this.#connection.executeQuery(query)
  }

  streamQuery(): never {
    return this.#connection.streamQuery()
  }

  end(): void {
    this.#isOver = true
  }
}

/** Kysely's dialect for PostgreSQL, on connections of ours. */
export class LentDialect implements KyselyDialect {
  readonly #lender: Lender
  readonly #adapter: PostgresAdapter & Adapter

  /** @param adapter the same for all dialects of a database that do the same */
  constructor(lender: Lender, adapter: PostgresAdapter & Adapter) {
    this.#lender = lender
    this.#adapter = adapter
  }

  createAdapter(): PostgresAdapter {
    return this.#adapter
  }

  createDriver(): Driver {
    return new LentDriver(this.#lender)
  }

  createIntrospector(db: Kysely<unknown>): DatabaseIntrospector {
    return new SchemaIntrospector(db, this.#adapter.schema as string)
  }

  createQueryCompiler(): QueryCompiler {
    return new ColumnCompiler()
  }
}

/** For handles that write. */
export class WritingAdapter extends PostgresAdapter implements Adapter {
  readonly schema: string
  readonly hasParallelWriters = true
  readonly storesComputed = true
  readonly neverReusedId: ['bigint', ColumnBuilderCallback] = ['bigint', (column) => column.primaryKey().generatedByDefaultAsIdentity()]

  constructor(schema: string) {
    super()
    this.schema = schema
  }

  /** The lock goes with the transaction; that of Kysely's own adapter would outlive one that is rolled back. */
  async beginMigrations(transaction: Kysely<unknown>): Promise<void> {
    await sql`select pg_advisory_xact_lock(${sql.lit(MIGRATION_LOCK)})`.execute(transaction)
    const schemas = await sql`select from pg_namespace where nspname = ${this.schema}`.execute(transaction)
    if (schemas.rows.length === 0) await sql`create schema ${sql.id(this.schema)}`.execute(transaction)
    await sql`set local search_path = ${sql.id(this.schema)}, pg_temp`.execute(transaction)
  }

  async leaveRoom(transaction: Kysely<unknown>, table: string, percent: number): Promise<void> {
    await sql`alter table ${this.#named([table])} set (fillfactor = ${sql.lit(percent)}, toast_tuple_target = ${sql.lit(WHOLE_ROW_BYTES)})`.execute(
      transaction,
    )
  }

  async lockTables(transaction: Handle, tables: readonly string[]): Promise<void> {
    await sql.raw(`set local lock_timeout = ${LOCK_MS}`).execute(transaction)
    await sql`lock table ${this.#named(tables)} in exclusive mode`.execute(transaction)
  }

  async lastIdOf(handle: Handle, table: string): Promise<number> {
    const { sequence } = await only(sql<{ sequence: string }>`select ${this.#sequenceOf(table)} as sequence`.execute(handle))
    const { last } = await only(sql<Last>`select last_value - (not is_called)::int as last from ${sql.raw(sequence)}`.execute(handle))
    return last
  }

  async setLastId(transaction: Handle, table: string, id: number): Promise<void> {
    await sql`select setval(${this.#sequenceOf(table)}, ${id})`.execute(transaction)
  }

  async analyze(transaction: Handle, tables: readonly string[]): Promise<void> {
    await sql`analyze ${this.#named(tables)}`.execute(transaction)
  }

  #named(tables: readonly string[]): RawBuilder<unknown> {
    return sql.join(tables.map((table) => sql.id(this.schema, table)))
  }

  /** The name of what numbers the ids of a table. */
  #sequenceOf(table: string): RawBuilder<string> {
    return sql`pg_get_serial_sequence(format('%I.%I', ${this.schema}::text, ${table}::text), 'id')`
  }

  override async acquireMigrationLock(): Promise<void> {}
  override async releaseMigrationLock(): Promise<void> {}
}

async function only<T>(query: Promise<QueryResult<T>>): Promise<T> {
  return (await query).rows[0] as T
}

/** For the handle that reads: its hot queries are gathered. */
export class ReadingAdapter extends WritingAdapter implements Adapter {
  readonly #lookUps: Gatherer

  constructor(schema: string, lookUps: Gatherer) {
    super(schema)
    this.#lookUps = lookUps
  }

  runDirectly<O>(query: HotQuery<O>, parameters: readonly unknown[]): Promise<QueryResult<O>> {
    return this.#lookUps.ask(query, parameters)
  }
}

/** For jobs of one statement: where that is an update that is run often, it is gathered. */
export class ChangingAdapter extends WritingAdapter implements Adapter {
  readonly #changes: Gatherer

  constructor(schema: string, changes: Gatherer) {
    super(schema)
    this.#changes = changes
  }

  runDirectly<O>(query: HotQuery<O>, parameters: readonly unknown[]): Promise<QueryResult<O>> | undefined {
    return isGatherable(query) ? this.#changes.ask(query, parameters) : undefined
  }
}

class LentDriver implements Driver {
  readonly #lender: Lender

  constructor(lender: Lender) {
    this.#lender = lender
  }

  async init(): Promise<void> {}

  acquireConnection(): Promise<DatabaseConnection> {
    return this.#lender.take()
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    // Whatever else writes has transactions of ours.
    ;(connection as Connection).begin(true, true)
  }

  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return (connection as Connection).commit()
  }

  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return (connection as Connection).rollback()
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    this.#lender.give(connection)
  }

  /** The connections are closed by the database. */
  async destroy(): Promise<void> {}
}

/** Texts sort and compare by their bytes, as SQLite's do, whatever the language of the server is; and all integers have 64 bits. */
class ColumnCompiler extends PostgresQueryCompiler {
  protected override visitColumnDefinition(node: ColumnDefinitionNode): void {
    super.visitColumnDefinition({ ...node, dataType: this.#typeOf(node.dataType) })
  }

  #typeOf(type: ColumnDefinitionNode['dataType']): ColumnDefinitionNode['dataType'] {
    if (!DataTypeNode.is(type)) return type
    if (type.dataType === 'text') return RawNode.createWithSql('text collate "C"')
    return type.dataType === 'integer' ? DataTypeNode.create('bigint') : type
  }
}

/** Sees the tables of one schema, but those that belong to extensions of the server, which are put where it is told to. */
class SchemaIntrospector extends PostgresIntrospector {
  readonly #db: Kysely<unknown>
  readonly #schema: string

  constructor(db: Kysely<unknown>, schema: string) {
    super(db)
    this.#db = db
    this.#schema = schema
  }

  override async getTables(options?: Parameters<PostgresIntrospector['getTables']>[0]): Promise<TableMetadata[]> {
    const tables = await super.getTables(options)
    const ofExtensions = await this.#tablesOfExtensions()
    return tables.filter(({ schema, name }) => schema === this.#schema && !ofExtensions.has(name))
  }

  async #tablesOfExtensions(): Promise<ReadonlySet<string>> {
    const { rows } = await sql<{ name: string }>`select relname as name from pg_class
      join pg_depend on classid = 'pg_class'::regclass and objid = pg_class.oid and deptype = 'e'
      join pg_namespace on pg_namespace.oid = relnamespace and nspname = ${this.#schema}`.execute(this.#db)
    return new Set(rows.map(({ name }) => name))
  }
}
