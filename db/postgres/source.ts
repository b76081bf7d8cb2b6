import { Client, type QueryArrayResult } from 'pg'
import { type Described, type Source, SourceFailed, type SourceTable, type SourceValue, tablesOf, text } from '../sources/source.ts'
import { connectFailure } from './errors.ts'
import type { Address } from './url.ts'

const CONNECT_MS = 5000
/** Of one query: a page of rows by the key takes some milliseconds. */
const QUERY_MS = 60_000
/** Times as they are in UTC, whatever the server is set to. Set for each query, because a pooler may give each to another connection. */
const READING = 'begin transaction read only; set local datestyle = iso; set local timezone = utc'

const COLUMNS = `
  select tables.oid, case when pg_table_is_visible(tables.oid) then tables.relname else schemas.nspname || '.' || tables.relname end,
    quote_ident(schemas.nspname) || '.' || quote_ident(tables.relname), columns.attname, format_type(columns.atttypid, columns.atttypmod),
    exists (select from pg_index where indrelid = tables.oid and indisprimary and columns.attnum = any(indkey)),
    exists (select from pg_index where indrelid = tables.oid and indisunique and indnkeyatts = 1 and indkey[0] = columns.attnum and indpred is null)
  from pg_class as tables join pg_namespace as schemas on schemas.oid = tables.relnamespace
    join pg_attribute as columns on columns.attrelid = tables.oid and columns.attnum > 0 and not columns.attisdropped
  where tables.relkind in ('r', 'p') and schemas.nspname <> 'information_schema' and schemas.nspname !~ '^pg_'
  order by not pg_table_is_visible(tables.oid), tables.oid, columns.attnum`

/**
 * Opens a PostgreSQL database of another system for reading alone, one query at a time: no transaction is open between two. It may be a
 * standby.
 *
 * @throws {SourceFailed}
 */
export async function openSourceServer({ host, port, database, user, password, ssl }: Address, place: string): Promise<Source> {
  const client = new Client({
    ...{ host, port, database, user, password, ssl },
    application_name: 'latchkey import',
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: QUERY_MS,
    // As the server writes them: numbers of 64 bits and microseconds have no place in numbers and dates of JavaScript.
    types: { getTypeParser: (() => (value: string) => value) as never },
  })
  client.on('error', () => {})
  await client.connect().catch((error) => {
    throw new SourceFailed(connectFailure(error).message, { cause: error })
  })
  const rows = (query: string, after?: bigint) => rowsOf(client, after === undefined ? query : query.replace(':after', `${after}`))
  const tables = async () => tablesOf((await rows(COLUMNS)).map(described))
  return {
    place,
    rows,
    tables,
    async referredBy(table, column) {
      const [found] = await rows(`
        select keys.confrelid::regclass::oid from pg_constraint as keys join pg_attribute as columns on columns.attrelid = keys.conrelid
        where keys.contype = 'f' and keys.conrelid = ${oidOf(table)} and keys.conkey = array[columns.attnum] and columns.attname = ${text(column)}`)
      if (found === undefined) return undefined
      const described = (await rows(COLUMNS)).find(([oid]) => oid === found[0])
      return (await tables()).find(({ quoted }) => quoted === described?.[2])
    },
    async lastId(table, key) {
      const [named] = await rows(`select pg_get_serial_sequence(${text(table.quoted)}, ${text(key)})`)
      const sequence = named?.[0]
      if (sequence === undefined || sequence === null) return undefined
      const [last] = await rows(`select last_value - (not is_called)::int from ${sequence}`)
      return BigInt(last?.[0] as string)
    },
    close: () => client.end().catch(() => {}),
  }
}

async function rowsOf(client: Client, query: string): Promise<SourceValue[][]> {
  try {
    const answers = (await client.query({ text: `${READING}; ${query}; commit`, rowMode: 'array' })) as unknown as QueryArrayResult[]
    return answers.at(-2)?.rows as SourceValue[][]
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw new SourceFailed((error as Error).message, { cause: error })
  }
}

function described(row: readonly SourceValue[]): Described {
  const [, table, name, column, type, isInKey, isUnique] = row as string[]
  return {
    table: table as string,
    quoted: name as string,
    column: column as string,
    type: type as string,
    isInKey: isInKey === 't',
    isUnique: isUnique === 't',
  }
}

function oidOf({ quoted: name }: SourceTable): string {
  return `${text(name)}::regclass`
}
