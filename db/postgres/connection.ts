import { createHash } from 'node:crypto'
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely'
import { type QueryResult as Answer, Client, types as plainTypes, type QueryArrayConfig, type QueryConfig } from 'pg'
import type { HotRun } from '../dialect.ts'
import { DatabaseUnavailable, QueryRefused } from '../errors.ts'
import { connectFailure, endsConnection, NotThereYet, translate } from './errors.ts'
import type { Address } from './url.ts'

const CONNECT_MS = 2000
/** How long a server may leave a statement unanswered. */
export const STATEMENT_MS = 2000
/** When it gives up by itself: before that, for a connection on which it does not has to be given up. */
const SERVER_STATEMENT_MS = 1900
/** A transaction of ours that is left alone for so long has lost its process, and holds locks. */
const IDLE_IN_TRANSACTION_MS = 10_000
const KEEP_ALIVE_AFTER_MS = 10_000
const LIMITS = `set local statement_timeout = ${SERVER_STATEMENT_MS}; set local idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS}`
/** The same for a transaction that takes its time, and may lose its process, too. */
const LONG_IDLE_MS = 600_000
const LONG_LIMITS = `set local statement_timeout = 0; set local idle_in_transaction_session_timeout = ${LONG_IDLE_MS}`
/**
 * For a connection that is ours alone. Statements are planned once, because to plan one takes longer than to run it; no code is compiled
 * for one, because that takes longer still. A plan that was made while a table was small, and would read all of it, or keep all of it at
 * hand (`enable_material`), would be kept while it grows: so indexes are used from the beginning.
 */
const SESSION = {
  statement_timeout: `${SERVER_STATEMENT_MS}`,
  idle_in_transaction_session_timeout: `${IDLE_IN_TRANSACTION_MS}`,
  default_transaction_isolation: 'read committed',
  plan_cache_mode: 'force_generic_plan',
  jit: 'off',
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_material: 'off',
  enable_mergejoin: 'off',
}
/** What speaks PostgreSQL's protocol need not know them all. */
const SET_SESSION =
  'select set_config(pg_settings.name, wanted.value, false) ' +
  `from (values ${Object.entries(SESSION)
    .map(([name, value]) => `('${name}', '${value}')`)
    .join(', ')}) as wanted(name, value) join pg_settings on pg_settings.name = wanted.name`

/** A server has been given up because it does not answer. */
export class Unanswered extends DatabaseUnavailable {}

const INT8 = 20
const INT8_LIMIT = 2 ** 63
const NOTHING: QueryResult<never> = { rows: [] }

/** Numbers of 64 bits are read as JavaScript's: ids and instants are far below 2^53. */
const types = { getTypeParser: (oid: number) => (oid === INT8 ? Number : plainTypes.getTypeParser(oid)) }

/**
 * A connection to a server, or to a pooler that lends one of a server for each transaction. Statements are sent when they come, without
 * waiting for the answers to those before them. Whatever it throws is an error of `db/errors.ts`.
 */
export class Connection implements DatabaseConnection {
  readonly #client: Client
  /** Whether a pooler is between us and the server: then nothing that is set or prepared stays for the next transaction. */
  #isPooled = false
  #sent = 0
  #answered = 0
  /** When the server last showed that it is there, or was asked anew: by `performance.now`. */
  #heardAt = 0
  #isInTransaction = false
  /** Of the first statement of the transaction that failed, maybe while nobody waited for it. */
  #failure: Error | undefined
  #ending: Error | undefined
  #onEnd: () => void = () => {}

  private constructor(client: Client) {
    this.#client = client
    // Without a listener it would end the process.
    client.on('error', (error) => this.#break(error))
    client.on('end', () => this.#break(new Error('the server has closed the connection')))
  }

  /**
   * @param password asked for each connection
   * @throws {DatabaseUnavailable}
   */
  static async open(address: Address, password: () => string): Promise<Connection> {
    const { host, port, database, user, ssl } = address
    const client = new Client({
      host,
      port,
      database,
      user,
      password,
      ssl,
      types,
      application_name: 'latchkey',
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
      pipeline: true,
    } as ConstructorParameters<typeof Client>[0])
    const connection = new Connection(client)
    // A pooler lets one in by itself, and then waits for the server behind it.
    const late = setTimeout(() => connection.abandon(), CONNECT_MS)
    try {
      await client.connect()
      await connection.#prepare()
      return connection
    } catch (error) {
      const abandoned = connection.#ending
      connection.end()
      throw abandoned instanceof DatabaseUnavailable ? new NotThereYet(abandoned.message) : connectFailure(error as Error)
    } finally {
      clearTimeout(late)
    }
  }

  /** Whether it can be used no more. */
  get isBroken(): boolean {
    return this.#ending !== undefined
  }

  /** Whether the server has answered all that was sent. */
  get isIdle(): boolean {
    return this.#sent === this.#answered
  }

  /** Since when the server has owed an answer, by `performance.now`; undefined when it owes none. */
  get waitingSince(): number | undefined {
    return this.isIdle ? undefined : this.#heardAt
  }

  /** @param listener called once, when it can be used no more */
  onEnd(listener: () => void): void {
    this.#onEnd = listener
  }

  /** Gives up a server that does not answer. What waits for its answers fails. */
  abandon(): void {
    this.#break(new Unanswered(`the server has not answered for ${STATEMENT_MS / 1000} s`))
  }

  /** Closes it. */
  end(): void {
    this.#ending ??= new Error('the connection is closed')
    this.#client.end().catch(() => {})
  }

  /**
   * Begins a transaction.
   *
   * @param isDurable whether its commit is to wait for the disk
   * @param isLong whether the server is to let its statements take as long as they take
   */
  begin(isDurable: boolean, isLong = false): void {
    this.#isInTransaction = true
    this.#failure = undefined
    const limits = isLong ? LONG_LIMITS : this.#isPooled && LIMITS
    const settings = [limits, !isDurable && 'set local synchronous_commit = off'].filter(Boolean)
    this.#sendUnread({ text: ['begin isolation level read committed', ...settings].join('; ') })
  }

  /** @throws {DatabaseUnavailable} also where nobody knows whether it was committed; and whatever a statement of it has thrown */
  async commit(): Promise<void> {
    this.#isInTransaction = false
    // What fails from here on may fail because the connection breaks, and the server may have committed before that.
    const failedBefore = this.#failure
    const { command } = await this.#send({ text: 'commit' }, failedBefore === undefined).catch((error) => {
      throw failedBefore ?? error
    })
    if (this.#failure !== undefined) throw this.#failure
    if (command !== 'COMMIT') throw new QueryRefused('the transaction was rolled back')
  }

  /** Ends a transaction without leaving anything behind. A connection on which this fails is of no use any more. */
  async rollback(): Promise<void> {
    if (!this.#isInTransaction) return
    this.#isInTransaction = false
    await this.#send({ text: 'rollback' }).catch(() => this.#break(new Error('a transaction could not be rolled back')))
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { hot } = query as HotRun<R>
    const statement = this.#statement(query.sql, query.parameters, hot !== undefined)
    if (this.#isInTransaction && hot?.isRead === false) {
      this.#sendUnread(statement)
      return NOTHING
    }
    // By itself it is a transaction.
    const isCommit = !this.#isInTransaction && query.query.kind !== 'SelectQueryNode'
    return resultOf(await this.#run(statement, isCommit))
  }

  /**
   * Runs a statement for several runs of a query, outside of a transaction.
   *
   * @param isChange whether it changes anything, and so is a transaction by itself
   * @returns its rows as arrays, and their columns' names
   */
  async runGathered(sql: string, parameters: readonly unknown[], isChange: boolean): Promise<{ rows: unknown[][]; columns: string[] }> {
    const statement: QueryArrayConfig = { ...this.#statement(sql, parameters, true), rowMode: 'array' }
    const { rows, fields } = await this.#run(statement, isChange)
    return { rows: rows as unknown as unknown[][], columns: fields.map(({ name }) => name) }
  }

  streamQuery(): never {
    throw new Error('rows are not streamed')
  }

  async #run(statement: QueryConfig | QueryArrayConfig, isCommit: boolean): Promise<Answer> {
    try {
      return await this.#send(statement, isCommit)
    } catch (error) {
      // It came out of a socket: now it also says who waited for it.
      if (error instanceof QueryRefused) Error.captureStackTrace(error)
      if (!this.#isInTransaction) throw error
      // What comes after it in the transaction fails because of it.
      this.#failure ??= error as Error
      throw this.#failure
    }
  }

  #sendUnread(statement: QueryConfig): void {
    this.#send(statement).catch((error) => {
      this.#failure ??= error
    })
  }

  /** @param isCommit whether nobody knows what became of it when no answer comes */
  #send(statement: QueryConfig | QueryArrayConfig, isCommit = false): Promise<Answer> {
    if (this.#ending !== undefined) return Promise.reject(translate(this.#ending, false))
    if (this.isIdle) this.#heardAt = performance.now()
    this.#sent++
    return new Promise((resolve, reject) => {
      void this.#client.query(statement as QueryConfig, (error, answer) => {
        this.#answered++
        this.#heardAt = performance.now()
        if (!error) return resolve(answer)
        if (endsConnection(error)) this.#break(error)
        reject(translate(this.#ending ?? error, isCommit))
      })
    })
  }

  /**
   * A prepared statement stays with the server's process, so it is named only where that is ours alone. Unnamed ones are parsed and planned
   * at each run.
   */
  #statement(text: string, parameters: readonly unknown[], isHot: boolean): QueryConfig {
    const values = checked(parameters)
    return isHot && !this.#isPooled ? { name: nameOf(text), text, values } : { text, values }
  }

  /**
   * Finds out who answers. A pooler such as PgBouncer tells a process id of its own when one connects, and a standby would answer with what was
   * true a moment ago.
   */
  async #prepare(): Promise<void> {
    const { rows } = await this.#send({ text: 'select pg_backend_pid() as pid, pg_is_in_recovery() as is_standby' })
    const { pid, is_standby } = rows[0] as { pid: number; is_standby: boolean }
    if (is_standby) throw new NotThereYet('the server is a standby, which takes no writes')
    this.#isPooled = pid !== (this.#client as unknown as { processID: number }).processID
    if (!this.#isPooled) await this.#send({ text: SET_SESSION })
  }

  #break(error: Error): void {
    const isNew = this.#ending === undefined
    this.#ending ??= error
    destroySocket(this.#client)
    if (isNew) this.#onEnd()
  }
}

function destroySocket(client: Client): void {
  ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
}

/** @throws {QueryRefused} for a value that no column holds, before it reaches the server and fails what is sent with it */
export function checked(parameters: readonly unknown[]): unknown[] {
  for (const value of parameters) {
    if (typeof value === 'string' && value.includes('\0')) throw new QueryRefused('a text has a NUL character')
    if (typeof value === 'number' && !(Math.abs(value) < INT8_LIMIT)) throw new QueryRefused('a number is out of range')
  }
  return parameters as unknown[]
}

const names = new Map<string, string>()

/** The same for the same text in each process, for a pooler may keep prepared statements for all of its clients. */
function nameOf(text: string): string {
  const known = names.get(text)
  if (known !== undefined) return known
  const name = createHash('sha256').update(text).digest('base64url').slice(0, 22)
  names.set(text, name)
  return name
}

/** @param rowCount of what was changed, or of what was read */
function resultOf<R>({ rows, rowCount, command }: Answer): QueryResult<R> {
  if (command === 'SELECT') return { rows: rows as R[] }
  return { rows: rows as R[], numAffectedRows: BigInt(rowCount ?? 0) }
}
