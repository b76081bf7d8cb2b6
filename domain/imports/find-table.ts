import type { Source, SourceColumn, SourceTable } from '../../db/sources/source.ts'
import { excerpt, harmless } from '../text.ts'
import { ImportRefused } from './source.ts'

/** What says where the users are: by its foreign key. */
const REFERRING = ['django_admin_log', 'token_blacklist_outstandingtoken'] as const
/** What every table of users has in Django that has permissions. */
const OF_USERS = ['password', 'last_login', 'is_superuser'] as const
/** Django's own, in which the name is always in the same column. */
const DJANGOS_OWN = 'auth_user'

/**
 * The table of the users.
 *
 * @param asked its name, where the operator has said it
 * @throws {ImportRefused} when it cannot be told
 */
export async function findUsersTable(source: Source, asked: string | undefined): Promise<SourceTable> {
  const tables = await source.tables()
  const candidates = tables.filter(isOfUsers)
  const names = candidates.map(({ name }) => harmless(name)).join(', ')
  if (asked !== undefined) {
    const found = tables.find(({ name }) => name === asked)
    if (found !== undefined && isOfUsers(found)) return found
    const fault = found === undefined ? 'is no table there' : `has no column ${missing(found)}`
    throw new ImportRefused(`--table: "${excerpt(asked)}" ${fault}; tables of users there: ${names || 'none'}`)
  }
  const referred = await findReferred(source, tables)
  if (referred !== undefined && isOfUsers(referred)) return referred
  const [only] = candidates
  if (only === undefined) throw new ImportRefused(`${source.place}: no table has the columns of Django's users: ${OF_USERS.join(', ')}`)
  if (candidates.length > 1) throw new ImportRefused(`several tables have the columns of users: name one by --table: ${names}`)
  return only
}

async function findReferred(source: Source, tables: readonly SourceTable[]): Promise<SourceTable | undefined> {
  for (const name of REFERRING) {
    const referring = tables.find((table) => table.name === name)
    const found = referring && (await source.referredBy(referring, 'user_id'))
    if (found !== undefined) return found
  }
  return undefined
}

function isOfUsers(table: SourceTable): boolean {
  return missing(table) === undefined
}

function missing({ columns }: SourceTable): string | undefined {
  return OF_USERS.find((name) => !columns.some((column) => column.name === name))
}

/** The column with the ids. @throws {ImportRefused} when they are no whole numbers */
export function findKey({ name, columns }: SourceTable): SourceColumn {
  const key = columns.find(({ isKey }) => isKey)
  const table = harmless(name)
  if (key === undefined) throw new ImportRefused(`${table} has no primary key of one column, and users are known by theirs`)
  if (key.isInteger) return key
  throw new ImportRefused(
    `the ids of ${table} are no whole numbers: its ${harmless(key.name)} is ${harmless(key.type)}. UUIDs and texts cannot be ids here, nor in the tokens`,
  )
}

/**
 * The column with the names that users log in with, which stands nowhere in a database. In a table of the project's own it is the one that no
 * two rows share.
 *
 * @param asked its name, where the operator has said it
 * @throws {ImportRefused} when it cannot be told
 */
export function findUsernameColumn({ name, columns }: SourceTable, asked: string | undefined): string {
  const texts = columns.filter(({ isText, isKey, name: column }) => isText && !isKey && column !== 'password')
  const unique = texts.filter(({ isUnique }) => isUnique)
  if (asked !== undefined) {
    if (texts.some((column) => column.name === asked)) return asked
    throw new ImportRefused(`--username-column: ${harmless(name)} has no text column "${excerpt(asked)}"; those it has: ${listed(texts)}`)
  }
  if (name === DJANGOS_OWN && texts.some((column) => column.name === 'username')) return 'username'
  const [only] = unique
  if (only !== undefined && unique.length === 1) return only.name
  const candidates = unique.length > 0 ? unique : texts
  if (candidates.length === 0) throw new ImportRefused(`${harmless(name)} has no text column with the names of users`)
  throw new ImportRefused(
    `name the column of ${harmless(name)} that users log in with (USERNAME_FIELD) by --username-column: ${listed(candidates)}`,
  )
}

function listed(columns: readonly SourceColumn[]): string {
  return columns.map(({ name }) => harmless(name)).join(', ')
}
