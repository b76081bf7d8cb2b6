import { createHash } from 'node:crypto'
import type { Test } from 'tap'
import type { Database } from '../../db/database.ts'
import { openDatabase } from '../../db/open.ts'
import type { NewUser } from '../../db/schema.ts'
import { databaseUrl } from '../databases.ts'
import { dialect } from './django-tables.ts'
import { latchkey } from './latchkey.ts'

// Users of ours, and the rows of Django's that they are brought to.

export const IMPORTED = Date.parse('2026-03-01T00:00:00Z')
export const CHANGED = IMPORTED + 1000
export const OURS = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'B'.repeat(43)}`
export const THEIRS = 'pbkdf2_sha256$870000$salt$hash='

const md5 = (text: string) => createHash('md5').update(text).digest('hex').toUpperCase()

/** A user that an import has brought, and nobody has changed since. */
export const imported = (id: number, username: string, more: Partial<NewUser> = {}): NewUser => ({
  id,
  username,
  username_key: username,
  password: THEIRS,
  created_at: Date.parse('2020-01-02T03:04:05.678Z'),
  changed_at: IMPORTED,
  imported_at: IMPORTED,
  imported_hash_md5: md5(THEIRS),
  is_active: 1,
  is_staff: 0,
  is_superuser: 0,
  ...more,
})
export const changed = (id: number, username: string, more: Partial<NewUser> = {}) =>
  imported(id, username, { changed_at: CHANGED, ...more })
/** A user that registered here. */
export const registered = (id: number, username: string, more: Partial<NewUser> = {}) =>
  imported(id, username, { imported_at: null, imported_hash_md5: null, password: OURS, ...more })

export async function serviceWith(t: Test, users: readonly NewUser[]): Promise<{ url: string; db: Database }> {
  const url = await databaseUrl(t)
  const db = await openDatabase(url)
  t.teardown(() => db.close())
  if (users.length > 0) await db.write((handle) => handle.insertInto('users').values(users).execute())
  return { url, db }
}

export const exported = (url: string, ...args: string[]) =>
  latchkey(url, 'export', 'django', '--table', 'auth_user', '--dialect', dialect, ...args)

export async function sqlOf(t: Test, url: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await exported(url, ...args)
  t.strictSame({ code, stderr }, { code: 0, stderr: '' })
  return stdout
}

/** Rows as Django's migrations and its users made them. */
export const row = (id: number, username: string) =>
  `INSERT INTO auth_user VALUES (${id}, '${THEIRS}', NULL, '0', '${username}', 'Last', 'e@x.example', '0', '1', '2020-01-02 03:04:05.678901+00', 'First');`

/** Booleans as numbers and times as texts, so that both databases answer the same. */
export const texts = (columns: string) =>
  columns
    .split(' ')
    .map((column) => (/^is_/.test(column) ? `cast(${column} as integer) as ${column}` : column))
    .join(', ')
export const time = (column: string) =>
  dialect === 'postgres' ? `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as ${column}` : column
