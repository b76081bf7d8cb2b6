import { mkdirSync } from 'node:fs'
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
    mkdirSync(dirname(file), { recursive: true })
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
  return new Kysely<Tables>({ dialect: new PatientSqliteDialect(sqlite, file !== ':memory:') })
}

function database(writer: Kysely<Tables>, reader: Kysely<Tables>): Database {
  const queue = new WriteQueue(writer, WRITES_WAITING_LIMIT)
  return {
    read: reader,
    async write(job) {
      if (queue.isFull) throw new DatabaseOverloaded('too many writes are waiting')
      return queue.run(job)
    },
    async close() {
      await queue.idle()
      if (reader !== writer) await reader.destroy()
      await writer.destroy()
    },
  }
}
