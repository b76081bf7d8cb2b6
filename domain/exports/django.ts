import { randomInt } from 'node:crypto'
import type { Handle } from '../../db/database.ts'
import { pagesOfDeletedIds, pagesOfUsers } from '../../db/exported-users.ts'
import type { User } from '../../db/schema.ts'
import { lastUserId } from '../../db/user-ids.ts'
import { type DjangoTable, djangoUser, type Misfit, statementsFor } from './django-user.ts'
import { identifier, literal, trimmed } from './sql.ts'

/** Who is told of an export. */
export interface ExportWatch {
  /** Told of a user who is not written as it is here. */
  onMisfit(user: User, misfit: Misfit): void
  /** Told after each page how many users were written until now: none while only their names are made free. */
  onProgress(users: number): void
}

/**
 * The SQL that brings a table of Django's users up to date, some lines at a time: one transaction, which is complete only when its last line
 * is. Columns that it does not know are left as they are.
 *
 * @param db a handle that sees one state: names that wander between two reads would meet
 */
export async function* sqlForDjango(db: Handle, table: DjangoTable, watch: ExportWatch): AsyncGenerator<string> {
  const random = randomText(40)
  const marks: Marks = { unusable: `!${random}`, aside: random.slice(0, 8) }
  yield lines(['BEGIN;', ...table.dialect.preamble])
  for await (const ids of pagesOfDeletedIds(db)) yield lines([disable(ids, table, marks)])
  for await (const users of pagesOfUsers(db, { isChanged: true })) {
    yield lines(users.flatMap((user) => freeName(user, table, marks)))
    watch.onProgress(0)
  }
  let written = 0
  for await (const users of pagesOfUsers(db)) {
    yield lines(users.flatMap((user) => write(user, table, marks, watch)))
    written += users.length
    watch.onProgress(written)
  }
  yield lines([...table.dialect.idsAfter(table.table, await lastUserId(db)), 'COMMIT;'])
}

/** What tells rows that this SQL has touched from all others. */
interface Marks {
  /** A hash that matches no password, as Django makes one. */
  readonly unusable: string
  /** A part of names that nobody has. */
  readonly aside: string
}

function disable(ids: readonly number[], { table, columns, dialect }: DjangoTable, { unusable }: Marks): string {
  const active = columns.includes('is_active') ? [`is_active = ${dialect.flag(0)}`] : []
  return `UPDATE ${identifier(table)} SET ${[`password = ${literal(unusable)}`, ...active].join(', ')} WHERE id IN (${ids.join(', ')});`
}

/**
 * Names are unique there at every moment, also while two users swap theirs. So whoever has another name by now gives up the one of before
 * first; and so does who was deleted, where somebody else has that name by now.
 */
function freeName(user: User, table: DjangoTable, { unusable, aside }: Marks): string[] {
  const { name } = djangoUser(user, table, unusable)
  if (name === undefined) return []
  const update = `UPDATE ${identifier(table.table)} SET ${identifier(table.usernameColumn)}`
  const column = identifier(table.usernameColumn)
  return [
    `${update} = 'moved-${aside}-${user.id}' WHERE id = ${user.id} AND ${trimmed(column)} <> ${literal(name)};`,
    `${update} = 'deleted-${aside}-${user.id}' WHERE ${column} = ${literal(name)} AND password = ${literal(unusable)};`,
  ]
}

function write(user: User, table: DjangoTable, { unusable }: Marks, watch: ExportWatch): string[] {
  const written = djangoUser(user, table, unusable)
  for (const misfit of written.misfits) watch.onMisfit(user, misfit)
  return statementsFor(written, table)
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

function randomText(length: number): string {
  return Array.from({ length }, () => LETTERS[randomInt(LETTERS.length)]).join('')
}

function lines(statements: readonly string[]): string {
  return statements.map((statement) => `${statement}\n`).join('')
}
