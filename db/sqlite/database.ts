import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type SQLite from 'better-sqlite3'
import { Kysely, sql } from 'kysely'
import type { Database, Handle, OnUpgrade } from '../database.ts'
import type { Copies, Dialect } from '../dialect.ts'
import { DatabaseOverloaded } from '../errors.ts'
import { ping } from '../health.ts'
import { migrate } from '../migrate.ts'
import type { Tables } from '../schema.ts'
import { backUp } from './backup.ts'
import { openSqlite } from './connection.ts'
import { type Guard, PatientSqliteDialect, patiently } from './dialect.ts'
import { inWords } from './fault.ts'
import { fileOf, IN_MEMORY, isThere, makeFolderOf, refuseNoFile } from './file.ts'
import { inspectFile } from './inspect.ts'
import { OpenedFiles } from './opened-files.ts'
import { restore } from './restore.ts'
import { openTemporary } from './scratch.ts'
import { scrubOnce } from './scrub.ts'
import { openSourceFile } from './source.ts'
import { WriteAheadLog } from './write-ahead-log.ts'
import { WriteQueue } from './write-queue.ts'
import { WriteTrial } from './write-trial.ts'

const WRITES_WAITING_LIMIT = 2000
/** So many opens that see another file each are no replacement: the numbers of this file system mean nothing. */
const OPENS = 4

/** SQLite, in a file (`file:PATH`) or in memory (`:memory:`). */
export const sqlite: Dialect = (url) => {
  const file = fileOf(url)
  if (file === undefined) return undefined
  const isShared = file !== IN_MEMORY
  return {
    place: isShared ? resolve(file) : file,
    isShared,
    exists: async () => isShared && isThere(file),
    inspect: () => inspectFile(file),
    open: ({ onUpgrade } = {}) => (isShared ? openFile(file, onUpgrade) : openInMemory(onUpgrade)),
    openSource: () => openSourceFile(file),
    ...(isShared && { copies: copiesOf(file) }),
  }
}

function copiesOf(file: string): Copies {
  return {
    backUp: (to, options) => backUp(file, to, options),
    restore: (from, options) => restore(file, from, options, openFile),
  }
}

/** A database in a file: what looks after its files. */
interface OnDisk {
  readonly file: string
  readonly files: OpenedFiles
  readonly log: WriteAheadLog
}

async function openFile(file: string, onUpgrade?: OnUpgrade): Promise<Database> {
  try {
    makeFolderOf(file)
    refuseNoFile(file)
    await patiently(file, () => useWriteAheadLog(file))
    return await openConnections(file, onUpgrade)
  } catch (error) {
    throw inWords(file, error)
  }
}

/** One connection writes, another reads: a read sees what is committed, also while a batch of writes is under way. */
async function openConnections(file: string, onUpgrade?: OnUpgrade): Promise<Database> {
  const sqlite = await patiently(file, () => openInPlace(file))
  let files: OpenedFiles | undefined
  const guard = () => files?.guard()
  const writer = await connect(sqlite, true, guard)
  try {
    files = new OpenedFiles(file)
    await migrate(writer, onUpgrade)
    await scrubOnce(file)
    const reader = await connect(await patiently(file, () => openSqlite(file, { readonly: true })), true, guard)
    return database(writer, reader, { file, files, log: new WriteAheadLog(files.place, sqlite) })
  } catch (error) {
    await writer.destroy()
    throw error
  }
}

/**
 * Opens the file that has the name while it is locked. A restore may have put another one in its place between the opening and the first read;
 * also while that has to wait, so whoever tries again opens the file anew.
 */
function openInPlace(file: string, opens = 1): SQLite.Database {
  const before = numbersOf(file)
  const sqlite = openAndRead(file)
  if (opens === OPENS || numbersOf(file) === before) return sqlite
  sqlite.close()
  return openInPlace(file, opens + 1)
}

function numbersOf(file: string): string | undefined {
  const found = statSync(file, { bigint: true, throwIfNoEntry: false })
  return found && `${found.dev}:${found.ino}`
}

/** The first read makes the files beside it, and takes a lock, which stay while it is open. */
function openAndRead(file: string): SQLite.Database {
  const sqlite = openSqlite(file)
  try {
    sqlite.pragma('schema_version')
    return sqlite
  } catch (error) {
    sqlite.close()
    throw error
  }
}

/** A database of one process that is larger than its memory, and is gone when it is closed. */
export async function openRehearsal(): Promise<Database> {
  const only = await connect(openTemporary(), true)
  await migrate(only)
  return database(only, only)
}

/** There is one connection, because a second one would see another memory; a read waits for the batch of writes. */
async function openInMemory(onUpgrade?: OnUpgrade): Promise<Database> {
  const only = await connect(openSqlite(IN_MEMORY), false)
  await migrate(only, onUpgrade)
  return database(only, only)
}

/** The file keeps this mode. Setting it needs an exclusive lock, so processes that start together have to wait for each other. */
function useWriteAheadLog(file: string): void {
  const sqlite = openSqlite(file)
  try {
    sqlite.pragma('journal_mode = WAL')
  } finally {
    sqlite.close()
  }
}

/** @param isDirect, guard as in `PatientSqliteDialect` */
async function connect(sqlite: SQLite.Database, isDirect: boolean, guard: Guard = () => {}): Promise<Kysely<Tables>> {
  const db = new Kysely<Tables>({ dialect: new PatientSqliteDialect(sqlite, isDirect, guard) })
  // Kysely closes only a connection that it has used, and hot queries do not go through Kysely.
  await db.connection().execute(async () => {})
  return db
}

function database(writer: Kysely<Tables>, reader: Kysely<Tables>, onDisk?: OnDisk): Database {
  const queue = new WriteQueue(writer, () => onDisk?.files.confirm())
  const file = onDisk?.file ?? IN_MEMORY
  const trial = new WriteTrial(queue, file)
  let refused = 0
  return {
    read: reader,
    async write(job, { isDurable = true } = {}) {
      if (queue.waiting < WRITES_WAITING_LIMIT) return trial.watch(queue.run(job, isDurable))
      refused++
      throw new DatabaseOverloaded('too many writes are waiting')
    },
    readOneState: (reads) => (onDisk === undefined ? reads(reader) : readOneState(onDisk, reads)),
    get stats() {
      return { waiting: queue.waiting, refused, logBytes: onDisk?.log.bytes ?? 0 }
    },
    async tidy({ isWritingMuch = false } = {}) {
      return onDisk === undefined || (!onDisk.files.isLost && (await onDisk.log.tidy(isWritingMuch)))
    },
    async check() {
      try {
        await onDisk?.files.look()
        await ping(reader)
        await trial.run()
      } catch (error) {
        throw inWords(file, error)
      }
    },
    async look() {
      await onDisk?.files.look()
      return onDisk?.files.complaint
    },
    async close() {
      await queue.idle()
      await onDisk?.log.close()
      if (reader !== writer) await reader.destroy()
      await writer.destroy()
    },
  }
}

/** On a connection of its own: on that of `read`, whatever else is read meanwhile would see the old state, too. */
async function readOneState<T>({ file, files }: OnDisk, reads: (handle: Handle) => Promise<T>): Promise<T> {
  const handle = await connect(await patiently(file, () => openSqlite(file, { readonly: true })), true, () => files.guard())
  try {
    await sql`begin`.execute(handle)
    return await reads(handle)
  } finally {
    await handle.destroy()
  }
}
