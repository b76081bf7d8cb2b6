import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { Kysely } from 'kysely'
import type { Database } from '../database.ts'
import { DatabaseOverloaded } from '../errors.ts'
import { migrate } from '../migrate.ts'
import type { Tables } from '../schema.ts'
import { openSqlite, PatientSqliteDialect, patiently } from './dialect.ts'
import { WriteQueue } from './write-queue.ts'

const WRITES_WAITING_LIMIT = 2000

/**
 * Opens the database in a file, or in memory, and brings its tables up to date.
 *
 * One connection writes, another reads: a read sees what is committed, also while a batch of writes is under way.
 * In memory there is one connection, and reads wait for the batch.
 *
 * @param file a path, or `:memory:`
 * @throws when the file cannot be opened, is no database, or cannot be brought up to date
 */
export async function openSqliteDatabase(file: string): Promise<Database> {
  const inMemory = file === ':memory:'
  if (!inMemory) {
    makeFolder(dirname(file))
    await patiently(() => useWriteAheadLog(file))
  }
  const writer = await connect(file)
  try {
    await migrate(writer)
    const reader = inMemory ? writer : await connect(file, { readonly: true })
    return database(writer, reader)
  } catch (error) {
    await writer.destroy()
    throw error
  }
}

/** Folder by folder: Node's own recursion never ends where a file system refuses a folder as if its parent were missing. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    // Another process that starts with us was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** The mode stays with the file. Setting it wants the file for itself, so processes that start together take turns. */
function useWriteAheadLog(file: string): void {
  const sqlite = openSqlite(file)
  try {
    sqlite.pragma('journal_mode = WAL')
  } finally {
    sqlite.close()
  }
}

async function connect(file: string, options?: { readonly: boolean }): Promise<Kysely<Tables>> {
  const sqlite = await patiently(() => openSqlite(file, options))
  const db = new Kysely<Tables>({ dialect: new PatientSqliteDialect(sqlite, file !== ':memory:') })
  // Kysely closes only what it has used, and hot queries go past it.
  await db.connection().execute(async () => {})
  return db
}

function database(writer: Kysely<Tables>, reader: Kysely<Tables>): Database {
  const queue = new WriteQueue(writer, WRITES_WAITING_LIMIT)
  return {
    read: reader,
    async write(job, { isDurable = true } = {}) {
      if (queue.isFull) throw new DatabaseOverloaded('too many writes are waiting')
      return queue.run(job, isDurable)
    },
    async close() {
      await queue.idle()
      if (reader !== writer) await reader.destroy()
      await writer.destroy()
    },
  }
}
