import { quoted, type Source, type SourceTable, type SourceValue } from '../../db/sources/source.ts'
import { findKey, findUsernameColumn, findUsersTable } from './find-table.ts'
import { ImportRefused, type SourceToken, type UserSource } from './source.ts'
import type { SourceUser } from './user.ts'

/** Members of a user that have the name of their column, in the order of `userOf`. Those that a table has no column for are null. */
const NAMED = ['password', 'last_login', 'is_superuser', 'is_staff', 'is_active', 'date_joined', 'email'] as const
const OUTSTANDING = 'token_blacklist_outstandingtoken'
const BLACKLISTED = 'token_blacklist_blacklistedtoken'

export interface TableOptions {
  readonly table?: string | undefined
  readonly usernameColumn?: string | undefined
}

/** The users in a database of Django. @throws {ImportRefused} @throws {SourceFailed} */
export async function usersOfTable(source: Source, asked: TableOptions): Promise<UserSource> {
  const table = await findUsersTable(source, asked.table)
  const key = findKey(table).name
  const usernameColumn = findUsernameColumn(table, asked.usernameColumn)
  const has = (name: string) => table.columns.some((column) => column.name === name)
  const columns = [quoted(key), quoted(usernameColumn), ...NAMED.map((name) => (has(name) ? quoted(name) : 'null'))].join(', ')
  const tokens = await tokensQuery(source)
  return {
    place: source.place,
    table: table.name,
    usernameColumn,
    async lastId() {
      const [highest] = await source.rows(`select max(${quoted(key)}) from ${table.quoted}`)
      return larger((await source.lastId(table, key)) ?? 0n, idOf(highest?.[0] ?? null) ?? 0n)
    },
    async usersAfter(id, limit) {
      const after = id === undefined ? '' : `where ${quoted(key)} > :after`
      const rows = await source.rows(`select ${columns} from ${table.quoted} ${after} order by ${quoted(key)} limit ${limit}`, id)
      return rows.map((row) => userOf(row, table))
    },
    async deadTokensAfter(after, limit) {
      if (tokens === undefined) return []
      const rows = await source.rows(
        `${tokens} ${after === undefined ? '' : 'where dead.id > :after'} order by dead.id limit ${limit}`,
        after,
      )
      return rows.map(tokenOf)
    },
    close: () => source.close(),
  }
}

function userOf(row: readonly SourceValue[], { name }: SourceTable): SourceUser {
  const id = idOf(row[0] ?? null)
  if (id === undefined) throw new ImportRefused(`${name} has a row whose id is no whole number`)
  const [, username = null, password = null, last_login = null, is_superuser = null, ...more] = row
  const [is_staff = null, is_active = null, date_joined = null, email = null] = more
  return { id, username, password, last_login, is_superuser, is_staff, is_active, date_joined, email }
}

/** What asks for the tokens that were revoked; undefined where Simple JWT's blacklist is not in use. */
async function tokensQuery(source: Source): Promise<string | undefined> {
  const tables = await source.tables()
  const [outstanding, blacklisted] = [OUTSTANDING, BLACKLISTED].map((name) => tables.find((table) => table.name === name))
  if (outstanding === undefined || blacklisted === undefined) return undefined
  return (
    'select dead.id, token.jti, token.user_id, token.expires_at ' +
    `from ${blacklisted.quoted} as dead join ${outstanding.quoted} as token on token.id = dead.token_id`
  )
}

function tokenOf([id, jti, userId, expiresAt]: readonly SourceValue[]): SourceToken {
  const key = idOf(id ?? null)
  if (key === undefined) throw new ImportRefused(`${BLACKLISTED} has a row whose id is no whole number`)
  return {
    key,
    jti: jti === null || jti === undefined ? null : String(jti),
    userId: idOf(userId ?? null) ?? null,
    expiresAt: expiresAt === null || expiresAt === undefined ? null : String(expiresAt),
  }
}

/** A whole number, as SQLite and PostgreSQL give it. */
function idOf(value: SourceValue): bigint | undefined {
  if (typeof value === 'bigint') return value
  return typeof value === 'string' && /^-?\d+$/.test(value) ? BigInt(value) : undefined
}

function larger(one: bigint, other: bigint): bigint {
  return one > other ? one : other
}
