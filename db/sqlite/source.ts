import type SQLite from 'better-sqlite3'
import { DatabaseUnavailable } from '../errors.ts'
import { type Described, quoted, type Source, SourceFailed, type SourceValue, tablesOf, text } from '../sources/source.ts'
import { openSqlite } from './connection.ts'
import { patiently } from './dialect.ts'
import { describe, inWords } from './fault.ts'
import { isThere, refuseNoFile } from './file.ts'

const COLUMNS = `
  select tables.name, columns.name, columns.type, columns.pk
  from sqlite_schema as tables, pragma_table_info(tables.name) as columns
  where tables.type = 'table' and tables.name not like 'sqlite\\_%' escape '\\'
  order by tables.rowid, columns.cid`

/** Columns that alone are an index which refuses a second row with the same. */
const UNIQUE = `
  select tables.name, min(columns.name)
  from sqlite_schema as tables, pragma_index_list(tables.name) as indexes, pragma_index_info(indexes.name) as columns
  where tables.type = 'table' and indexes."unique" and not indexes.partial
  group by tables.name, indexes.name having count(*) = 1`

/**
 * Opens a SQLite file of another system for reading alone. No transaction is left open between two queries: in the journal mode that Django
 * leaves a file in, whoever writes it would find it locked.
 *
 * @throws {SourceFailed}
 */
export async function openSourceFile(file: string): Promise<Source> {
  const sqlite = await saying(file, async () => {
    refuseNoFile(file)
    if (!isThere(file)) throw new DatabaseUnavailable(describe(file, 'ENOENT'))
    return patiently(file, () => openSqlite(file, { readonly: true }))
  })
  // Each text is prepared once: what was prepared stays in memory until the next collection of garbage, which does not see how large it is.
  const statements = new Map<string, SQLite.Statement>()
  const prepared = (query: string) => {
    // Without `safeIntegers` ids above 2^53 would come out rounded, and nobody would notice.
    const statement = statements.get(query) ?? sqlite.prepare(query).safeIntegers().raw()
    statements.set(query, statement)
    return statement
  }
  const rows = (query: string, after?: bigint) =>
    saying(file, () => patiently(file, () => prepared(query).all(...(after === undefined ? [] : [{ after }])) as SourceValue[][]))
  const tables = async () => {
    const unique = new Set((await rows(UNIQUE)).map((row) => JSON.stringify(row)))
    return tablesOf((await rows(COLUMNS)).map((row) => described(row as string[], unique)))
  }
  return {
    place: file,
    rows,
    tables,
    async referredBy(table, column) {
      const found = await rows(
        `select "table" from pragma_foreign_key_list(${text(table.name)}) where lower("from") = lower(${text(column)})`,
      )
      return (await tables()).find(({ name }) => same(name, found[0]?.[0] as string | undefined))
    },
    async lastId(table) {
      const [counted] = await rows(`select 1 from sqlite_schema where name = 'sqlite_sequence'`)
      if (counted === undefined) return undefined
      const [last] = await rows(`select seq from sqlite_sequence where name = ${text(table.name)}`)
      return last?.[0] as bigint | undefined
    },
    close: async () => {
      sqlite.close()
    },
  }
}

function described([table, column, type, place]: readonly unknown[], unique: ReadonlySet<string>): Described {
  const isUnique = unique.has(JSON.stringify([table, column]))
  const name = table as string
  return { table: name, quoted: quoted(name), column: column as string, type: type as string, isInKey: place !== 0n, isUnique }
}

/** Names of tables are the same whatever their case. */
function same(name: string, other: string | undefined): boolean {
  return name.toLowerCase() === other?.toLowerCase()
}

async function saying<T>(file: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new SourceFailed((inWords(file, error) as Error).message, { cause: error })
  }
}
