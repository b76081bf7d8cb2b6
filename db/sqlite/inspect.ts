import { statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { Kysely, sql } from 'kysely'
import type { Inspection } from '../database.ts'
import { DatabaseUnavailable } from '../errors.ts'
import type { Tables } from '../schema.ts'
import { openSqlite } from './connection.ts'
import { PatientSqliteDialect, patiently } from './dialect.ts'
import { filesOf, inWords } from './fault.ts'
import { refuseNoFile } from './file.ts'

/** Of damages that are reported at most: after the first ones it is clear what to do. */
const DAMAGES = 5

/** Opens a file for reading alone, as it is. @throws {DatabaseUnavailable} */
export async function inspectFile(file: string): Promise<Inspection> {
  try {
    refuseNoFile(file)
    const sqlite = await patiently(file, () => openSqlite(file, { readonly: true }))
    const read = new Kysely<Tables>({ dialect: new PatientSqliteDialect(sqlite, true, () => {}) })
    return {
      read,
      faults: () => faultsOf(read, file),
      room: roomOf(file),
      async close() {
        await read.destroy()
        // Kysely closes only a connection that it has used.
        sqlite.close()
      },
    }
  } catch (error) {
    throw inWords(file, error)
  }
}

async function faultsOf(read: Inspection['read'], file: string): Promise<string[]> {
  try {
    return [...(await damages(read)), ...(await orphans(read))]
  } catch (error) {
    if (!(error instanceof DatabaseUnavailable)) throw error
    return [(inWords(file, error) as Error).message]
  }
}

/** It looks at every page, but not whether an index has each row: `integrity_check` does, and takes several times as long. */
async function damages(read: Inspection['read']): Promise<string[]> {
  const { rows } = await sql<{ quick_check: string }>`pragma quick_check(${sql.lit(DAMAGES)})`.execute(read)
  // Several damages come as one text.
  const lines = rows.flatMap(({ quick_check }) => quick_check.split('\n')).filter((line) => line !== 'ok')
  return lines.slice(0, DAMAGES).map((line) => `it is damaged: ${line}`)
}

/** Rows that refer to one that is not there. A program that has not asked SQLite to hold foreign keys can leave them. */
async function orphans(read: Inspection['read']): Promise<string[]> {
  const { rows } = await sql<{ table: string; parent: string; rows: number }>`
    select "table", parent, count(*) as "rows" from pragma_foreign_key_check group by 1, 2`.execute(read)
  return rows.map(({ table, parent, rows: count }) => `rows of ${table} whose row in ${parent} is not there: ${count}`)
}

function roomOf(file: string): { readonly free: number; readonly taken: number } {
  const { bavail, bsize } = statfsSync(dirname(file))
  const sizes = filesOf(file).map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0)
  return { free: bavail * bsize, taken: sizes.reduce((sum, size) => sum + size, 0) }
}
