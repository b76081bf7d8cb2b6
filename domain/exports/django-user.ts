import { isOfHere } from '../../db/of-here.ts'
import type { User } from '../../db/schema.ts'
import { djangoHash } from '../django-hash.ts'
import { hashMd5 } from '../imported.ts'
import { codePoints } from '../text.ts'
import { identifier, literal, type SqlDialect, trimmed } from './sql.ts'

/** Columns that a table of Django's users may have beside `id`, `password` and the name. */
export const COLUMNS = ['last_login', 'is_superuser', 'is_staff', 'is_active', 'email', 'date_joined', 'first_name', 'last_name'] as const

export type Column = (typeof COLUMNS)[number]

/** A table of Django's users. */
export interface DjangoTable {
  readonly table: string
  /** The column of the name, and how many characters it takes. */
  readonly usernameColumn: string
  readonly usernameLength: number
  /** Which of the columns it has. */
  readonly columns: readonly Column[]
  /** What further columns of a new row are, as texts. */
  readonly values: Readonly<Record<string, string>>
  readonly dialect: SqlDialect
}

/** What of a user cannot be written as it is. */
export type Misfit = 'name_too_long' | 'hash_too_long'

/** A user as Django's table takes it. */
export interface DjangoUser {
  readonly user: User
  /** Undefined when the column does not take it. */
  readonly name: string | undefined
  readonly hash: string
  /** Whether the user registered here, or was changed here after the import. What was not, Django knows better. */
  readonly isChanged: boolean
  readonly misfits: readonly Misfit[]
}

/** In characters: Django's `password` column. */
const HASH_LENGTH = 128

/**
 * Where the table does not tell who is disabled, who is disabled here has no password there.
 *
 * @param unusable a hash that matches no password
 */
export function djangoUser(user: User, { usernameLength, columns }: DjangoTable, unusable: string): DjangoUser {
  const fits = codePoints(user.username) <= usernameLength
  const hash = djangoHash(user.password)
  const isKept = codePoints(hash) <= HASH_LENGTH
  return {
    user,
    name: fits ? user.username : undefined,
    hash: isKept && (user.is_active === 1 || columns.includes('is_active')) ? hash : unusable,
    isChanged: isOfHere(user),
    misfits: [...(fits || !isOfHere(user) ? [] : ['name_too_long' as const]), ...(isKept ? [] : ['hash_too_long' as const])],
  }
}

/** What brings the row of a user up to date, and adds it where there is none. */
export function statementsFor(user: DjangoUser, table: DjangoTable): string[] {
  return [update(user, table), insert(user, table)].filter((statement) => statement !== undefined)
}

function update(user: DjangoUser, table: DjangoTable): string | undefined {
  const changes = [...(user.isChanged ? changesOf(user, table) : passwordChange(user)), ...loginOf(user, table)]
  if (changes.length === 0) return undefined
  return `UPDATE ${identifier(table.table)} SET ${changes.join(', ')} WHERE id = ${user.user.id};`
}

function changesOf({ user, name, hash }: DjangoUser, { columns, usernameColumn, dialect }: DjangoTable): string[] {
  const flags = (['is_superuser', 'is_staff', 'is_active'] as const).filter((column) => columns.includes(column))
  return [
    ...(name === undefined ? [] : [nameChange(identifier(usernameColumn), literal(name))]),
    `password = ${literal(hash)}`,
    ...flags.map((column) => `${column} = ${dialect.flag(user[column])}`),
  ]
}

/** An import trims names. One that is the same but for that stays as it is there, where somebody else may have the trimmed one. */
function nameChange(column: string, name: string): string {
  return `${column} = CASE WHEN ${trimmed(column)} = ${name} THEN ${column} ELSE ${name} END`
}

/** The same password as a hash of ours, which a login has made of Django's; one that is as it came may have another by now. */
function passwordChange({ user, hash }: DjangoUser): string[] {
  if (user.imported_hash_md5 === hashMd5(user.password) || !user.password.startsWith('$argon2')) return []
  return [`password = ${literal(hash)}`]
}

/** The later of both logins: Django's has microseconds, too. */
function loginOf({ user }: DjangoUser, { columns, dialect }: DjangoTable): string[] {
  if (user.last_login_at === null || !columns.includes('last_login')) return []
  const time = dialect.time(user.last_login_at)
  return [`last_login = CASE WHEN last_login > ${time} THEN last_login ELSE ${time} END`]
}

/** Not `INSERT … ON CONFLICT`: a column that may not be null, and has no value here, would fail before the conflict is seen. */
function insert(user: DjangoUser, table: DjangoTable): string | undefined {
  if (user.name === undefined) return undefined
  const row = Object.entries(rowOf(user, user.name, table))
  const names = row.map(([column]) => identifier(column)).join(', ')
  const values = row.map(([, value]) => value).join(', ')
  const name = identifier(table.table)
  return `INSERT INTO ${name} (${names}) SELECT ${values} WHERE NOT EXISTS (SELECT 1 FROM ${name} WHERE id = ${user.user.id});`
}

function rowOf({ user, hash }: DjangoUser, name: string, table: DjangoTable): Record<string, string> {
  const { columns, dialect, usernameColumn, values } = table
  const all: Record<Column, string> = {
    last_login: user.last_login_at === null ? 'NULL' : dialect.time(user.last_login_at),
    is_superuser: dialect.flag(user.is_superuser),
    is_staff: dialect.flag(user.is_staff),
    is_active: dialect.flag(user.is_active),
    email: literal(user.email ?? ''),
    date_joined: dialect.time(user.created_at),
    first_name: literal(''),
    last_name: literal(''),
  }
  return {
    id: `${user.id}`,
    password: literal(hash),
    ...Object.fromEntries(columns.map((column) => [column, all[column]])),
    ...Object.fromEntries(Object.entries(values).map(([column, value]) => [column, literal(value)])),
    [usernameColumn]: literal(name),
  }
}
