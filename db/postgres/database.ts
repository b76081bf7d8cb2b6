import { setTimeout as sleep } from 'node:timers/promises'
import { Kysely, type KyselyPlugin, sql, WithSchemaPlugin } from 'kysely'
import type { Database, Handle, Inspection, Opening, WriteJob, WriteOptions } from '../database.ts'
import type { Dialect } from '../dialect.ts'
import { DatabaseUnavailable } from '../errors.ts'
import { ping } from '../health.ts'
import { hasTables, isUpToDate, migrate } from '../migrate.ts'
import { takeTurns } from '../turns.ts'
import { gatherChanges } from './changes.ts'
import { Connection } from './connection.ts'
import { ChangingAdapter, Lease, type Lender, LentDialect, ReadingAdapter, WritingAdapter } from './dialect.ts'
import { Interrupted, NotThereYet } from './errors.ts'
import type { Gatherer } from './gatherer.ts'
import { faultsOf } from './inspect.ts'
import { Lines } from './lines.ts'
import { gatherLookUps } from './look-ups.ts'
import { Pool } from './pool.ts'
import { openSourceServer } from './source.ts'
import { inTransaction } from './transaction.ts'
import { type Address, isPostgresUrl, parseUrl } from './url.ts'

const DEFAULT_SCHEMA = 'public'
const DEFAULT_POOL = 10
const READERS = 2
/** How long a job may wait in its line, behind others that go on. */
const LINE_MS = 5000
/** Of the jobs in all lines. */
const WAITING_LIMIT = 2000
const ASK_AGAIN_MS = 250
/** Of a job, where it gives way to others. */
const MOST_RUNS = 4

/** PostgreSQL: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. */
export const postgres: Dialect = (url) => {
  if (!isPostgresUrl(url)) return undefined
  try {
    return site(parseUrl(url))
  } catch (error) {
    const fault = (error as Error).message
    const refuse = async () => {
      throw new DatabaseUnavailable(fault)
    }
    return { place: 'a PostgreSQL database', isShared: true, fault, exists: refuse, inspect: refuse, open: refuse, openSource: refuse }
  }
}

function site(address: Address) {
  const { host, port, database } = address
  const place = `${database} on ${host.startsWith('/') ? host : `${host}:${port}`}`
  return {
    place,
    isShared: true,
    exists: async (opening: Opening = {}) => {
      const handles = new Handles(address, opening)
      try {
        await handles.wait(opening)
        return await hasTables(handles.reader)
      } finally {
        await handles.close()
      }
    },
    inspect: (opening: Opening = {}) => inspect(address, opening),
    open: (opening: Opening = {}) => open(address, opening),
    openSource: () => openSourceServer(address, place),
  }
}

async function inspect(address: Address, opening: Opening): Promise<Inspection> {
  const handles = new Handles(address, opening)
  try {
    await handles.wait(opening)
    const read = handles.reader
    return { read, faults: () => faultsOf(read, opening.schema ?? DEFAULT_SCHEMA), close: () => handles.close() }
  } catch (error) {
    await handles.close()
    throw error
  }
}

async function open(address: Address, opening: Opening): Promise<Database> {
  const handles = new Handles(address, opening)
  try {
    await handles.wait(opening)
    const isReady = await isUpToDate(handles.reader).catch(() => false)
    if (!isReady) await handles.runPatiently((handle) => migrate(handle, opening.onUpgrade))
    return databaseOf(handles)
  } catch (error) {
    await handles.close()
    throw error
  }
}

/** The connections of a database, and what runs queries on them. */
class Handles {
  readonly #connect: () => Promise<Connection>
  readonly #writers: Pool
  readonly #readers: Pool
  readonly #plugins: KyselyPlugin[]
  readonly #adapter: WritingAdapter
  readonly #changes: Gatherer
  readonly reader: Handle
  /** For jobs of one statement, each of which is a transaction by itself. */
  readonly changer: Handle
  readonly lines = new Lines(LINE_MS, WAITING_LIMIT)

  constructor(address: Address, { schema = DEFAULT_SCHEMA, pool = DEFAULT_POOL, urlNow }: Opening) {
    this.#connect = () => Connection.open(address, () => passwordOf(address, urlNow))
    this.#writers = new Pool(this.#connect, pool)
    this.#readers = new Pool(this.#connect, READERS)
    this.#plugins = [new WithSchemaPlugin(schema)]
    this.#adapter = new WritingAdapter(schema)
    // What is not gathered may take long, and must not stand in the way of what is.
    this.reader = this.#handleOn(this.#writers, new ReadingAdapter(schema, gatherLookUps(this.#readers, READERS)))
    this.#changes = gatherChanges(this.#writers)
    this.changer = this.#handleOn(this.#writers, new ChangingAdapter(schema, this.#changes))
  }

  /** Runs a job in a transaction, once. Throws what `Database.write` does, and `Interrupted`. */
  run<T>(job: WriteJob<T>, isDurable: boolean): Promise<T> {
    return inTransaction(this.#writers, isDurable, (connection) => this.#runOn(new Lease(connection), job))
  }

  /** Runs what may take as long as it takes. Transactions are begun on the handle that it is given. */
  async runPatiently<T>(work: (handle: Handle) => Promise<T>): Promise<T> {
    const pool = new Pool(this.#connect, 1, { isPatient: true })
    try {
      return await work(this.#handleOn(pool, this.#adapter))
    } finally {
      await pool.close()
    }
  }

  async #runOn<T>(lease: Lease, job: WriteJob<T>): Promise<T> {
    try {
      return await job(this.#handleOn(lease, this.#adapter))
    } finally {
      lease.end()
    }
  }

  #handleOn(lender: Lender, adapter: WritingAdapter): Handle {
    return new Kysely({ dialect: new LentDialect(lender, adapter), plugins: this.#plugins })
  }

  get stats(): { readonly waiting: number; readonly refused: number } {
    const [writers, lines] = [this.#writers.stats, this.lines.stats]
    const waiting = writers.waiting + lines.waiting + this.#changes.waiting
    return { waiting, refused: writers.refused + lines.refused }
  }

  /** Waits until the server answers. @throws {DatabaseUnavailable} when it does not in time, or will not */
  async wait({ waitMs = 0, onWait = () => {} }: Opening): Promise<void> {
    const deadline = performance.now() + waitMs
    for (let isFirst = true; ; isFirst = false) {
      try {
        return this.#writers.give(await this.#writers.take())
      } catch (error) {
        if (!(error instanceof NotThereYet) || performance.now() + ASK_AGAIN_MS > deadline) throw error
        if (isFirst) onWait((error as Error).message)
        await sleep(ASK_AGAIN_MS)
      }
    }
  }

  async close(): Promise<void> {
    await this.#changes.done()
    await Promise.all([this.#readers.close(), this.#writers.close()])
  }
}

/** The password as the URL has it now. Where that cannot be read, the one of the start. */
function passwordOf({ password }: Address, urlNow: () => string | undefined = () => undefined): string {
  const url = urlNow()
  try {
    return url === undefined ? password : parseUrl(url).password
  } catch {
    return password
  }
}

function databaseOf(handles: Handles): Database {
  return {
    read: handles.reader,
    write: (job, options) => write(handles, job, options),
    readOneState: (reads) =>
      handles.runPatiently((handle) => handle.transaction().execute((transaction) => readOneState(transaction, reads))),
    get stats() {
      return { ...handles.stats, logBytes: 0 }
    },
    tidy: async () => true,
    async check() {
      await ping(handles.reader)
      await write(handles, (handle) => takeTurns(handle, 'health'))
    },
    look: async () => undefined,
    close: () => handles.close(),
  }
}

async function readOneState<T>(transaction: Handle, reads: (handle: Handle) => Promise<T>): Promise<T> {
  await sql`set transaction isolation level repeatable read, read only`.execute(transaction)
  return reads(transaction)
}

async function write<T>(handles: Handles, job: WriteJob<T>, { line, ...options }: WriteOptions = {}): Promise<T> {
  return line === undefined ? writeNow(handles, job, options) : handles.lines.run(line, () => writeNow(handles, job, options))
}

async function writeNow<T>(handles: Handles, job: WriteJob<T>, options: WriteOptions): Promise<T> {
  const { isDurable = true, isSingle = false, isLong = false } = options
  for (let runs = 1; ; runs++) {
    try {
      if (isLong) return await handles.runPatiently((handle) => handle.transaction().execute(job))
      return await (isSingle ? job(handles.changer) : handles.run(job, isDurable))
    } catch (error) {
      if (!(error instanceof Interrupted) || runs === MOST_RUNS) throw error
    }
  }
}
