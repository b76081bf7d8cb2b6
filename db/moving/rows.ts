import { setImmediate } from 'node:timers/promises'
import { type Kysely, type SelectQueryBuilder, sql } from 'kysely'
import type { Handle } from '../database.ts'
import { ping } from '../health.ts'
import { hot } from '../hot.ts'
import type { Tables } from '../schema.ts'
import { MoveRefused, on } from './errors.ts'

/** Every table but `locks`, whose rows mean nothing, with its primary key; each after the one that its rows refer to. */
export const MOVED: { readonly [table in Exclude<keyof Tables, 'locks'>]: readonly (keyof Tables[table])[] } = {
  users: ['id'],
  sessions: ['id'],
  auth_events: ['id'],
  signing_keys: ['kid'],
  issued_claims: ['claim', 'value'],
  clients: ['client_id'],
  tallies: ['key'],
  lane_places: ['lane', 'party', 'member'],
  known_addresses: ['user_id', 'network'],
  secrets: ['name'],
  deleted_users: ['user_id'],
  legacy_tokens: ['jti'],
  password_kinds: ['kind', 'part'],
}

export type Moved = keyof typeof MOVED

export const movedTables = Object.keys(MOVED) as Moved[]
/** Those whose ids the database gives, and never gives again. */
export const numberedTables = movedTables.filter((table) => MOVED[table].some((column) => column === 'id'))

/** Columns of any table that each database computes for itself. */
const COMPUTED: ReadonlySet<string> = new Set<keyof Tables['sessions']>(['refresh_exp_hour'])

/** Whatever the table is, its rows are moved as they are. */
type Value = string | number | null
type Row = Readonly<Record<string, Value>>
type AnyTable = Kysely<Record<'any', Row>>

/** Rows that are read, and sent, at once: 17 columns of them are half of the parameters that a statement of SQLite can have. */
const PAGE = 1000

/**
 * Copies all rows of a table, in the order of its key.
 *
 * @param tell called after each page, with how many rows are copied
 * @returns how many they are
 * @throws {MoveRefused} at a row that not every database can hold, or that cannot be read as it is
 * @throws {MoveFailure} when the source fails
 */
export async function copyRows(from: Handle, to: Handle, table: Moved, tell: (rows: number) => void): Promise<number> {
  const insertPage = insertion(table, PAGE)
  const insertOne = insertion(table, 1)
  let copied = 0
  const next = (last?: Row) => on('source', () => pageAfter(from, table, last))
  for (let page = await next(); page.length > 0; page = await next(page.at(-1))) {
    for (const row of page) refuseUnmovable(table, row)
    // While this page was read, the one before could be written: nobody has waited for it until now.
    await ping(to)
    if (page.length === PAGE) await insertPage(to, page)
    else for (const row of page) await insertOne(to, [row])
    copied += page.length
    tell(copied)
    // A signal is heard between two turns of the event loop, and SQLite alone takes none.
    await setImmediate()
  }
  return copied
}

/** How many rows a table has. */
export async function countRows(db: Handle, table: Moved): Promise<number> {
  const { rows } = await rowsOf(db, table)
    .select(({ fn }) => fn.countAll<number>().as('rows'))
    .executeTakeFirstOrThrow()
  return rows
}

/** The first of the tables that has a row; undefined when none has. */
export async function findRows(db: Handle): Promise<Moved | undefined> {
  for (const table of movedTables) {
    if ((await rowsOf(db, table).select(sql.lit(1).as('one')).limit(1).execute()).length > 0) return table
  }
  return undefined
}

/** The highest id in a table; 0 when it has no row. */
export async function highestId(db: Handle, table: Moved): Promise<number> {
  const { id } = await rowsOf(db, table)
    .select(({ fn }) => fn.max<number | null>('id').as('id'))
    .executeTakeFirstOrThrow()
  return id ?? 0
}

async function pageAfter(db: Handle, table: Moved, last?: Row): Promise<Row[]> {
  const key: readonly string[] = MOVED[table]
  const ordered = key.reduce((query, column) => query.orderBy(sql.ref(column)), rowsOf(db, table).selectAll().limit(PAGE))
  if (last === undefined) return ordered.execute()
  const columns = sql`(${sql.join(key.map((column) => sql.ref(column)))})`
  return ordered.where(columns, '>', sql`(${sql.join(key.map((column) => last[column]))})`).execute()
}

function rowsOf(db: Handle, table: Moved): SelectQueryBuilder<Record<'any', Row>, 'any', object> {
  return (db as unknown as AnyTable).selectFrom(table as 'any')
}

/** A statement that inserts so many rows, for all have the same columns. */
function insertion(table: Moved, size: number) {
  let columns: readonly string[] = []
  const insert = hot((db, value: Record<string, Value>) => {
    const rows = Array.from({ length: size }, (_, row) =>
      Object.fromEntries(columns.map((column, index) => [column, value[row * columns.length + index] as Value])),
    )
    return (db as unknown as AnyTable).insertInto(table as 'any').values(rows)
  })
  return async (to: Handle, rows: readonly Row[]) => {
    columns = Object.keys(rows[0] as Row).filter((column) => !COMPUTED.has(column))
    const values = rows.flatMap((row) => columns.map((column) => row[column] as Value))
    await insert(to, { ...values } as unknown as Record<string, Value>)
  }
}

/** @throws {MoveRefused} with the table, the key and the column, by which the row can be found */
function refuseUnmovable(table: Moved, row: Row): void {
  for (const column in row) {
    const value = row[column]
    if (value === null || Number.isSafeInteger(value) || (typeof value === 'string' && !value.includes('\0'))) continue
    const key = Object.fromEntries(MOVED[table].map((name) => [name, row[name]]))
    const fault =
      typeof value === 'string' ? 'has a NUL character, which not every database can hold' : 'is no text and no whole number below 2^53'
    throw new MoveRefused(`the row of ${table} with ${JSON.stringify(key)} cannot be moved: its ${column} ${fault}`)
  }
}
