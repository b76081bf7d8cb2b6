import { sql } from 'kysely'
import type { Handle } from '../database.ts'
import { movedTables } from '../moving/rows.ts'

/**
 * What keeps this role from what a service does with the tables, a line for each table. That the server is there, takes writes and lets this
 * role in is known from the connection.
 */
export async function faultsOf(read: Handle, schema: string): Promise<string[]> {
  const { rows } = await sql<{ name: string; right: string }>`
    select tables.tablename as name, rights.name as "right"
    from pg_tables as tables, (values ('select'), ('insert'), ('update'), ('delete')) as rights(name)
    where tables.schemaname = ${schema} and tables.tablename in (${sql.join([...movedTables, 'locks'])})
      and not has_table_privilege(format('%I.%I', tables.schemaname, tables.tablename), rights.name)
    order by 1, 2`.execute(read)
  return [...Map.groupBy(rows, ({ name }) => name)].map(
    ([name, missing]) => `its role may not ${missing.map(({ right }) => right).join(', ')} rows of ${name}`,
  )
}
