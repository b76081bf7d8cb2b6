import type { Test } from 'tap'
import type { Handle } from '../../db/database.ts'
import { openDatabase } from '../../db/open.ts'
import type { User } from '../../db/schema.ts'
import { latchkey } from './latchkey.ts'

/** What `import django --json` prints. */
export interface Report {
  readonly rows: readonly {
    readonly id: number
    readonly username: string
    readonly outcome: string
    readonly reasons: readonly string[]
  }[]
  readonly is_committed: boolean
  readonly users: Readonly<Record<'read' | 'new' | 'changed' | 'unchanged' | 'left_out', number>>
  readonly reasons: Readonly<Record<string, number>>
  readonly hashes: Readonly<Record<string, number>>
  readonly revoked_tokens: number
  readonly other_lines: number
  readonly no_longer_there: number
  readonly next_id: number
}

const REHEARSED = 'latchkey: nothing was written; --commit does it\n'

/** Runs the command. Asserts that it is done, and that its exit code says whether users are left out. */
export async function importDjango(t: Test, url: string, ...args: string[]): Promise<Report> {
  const { code, stdout, stderr } = await latchkey(url, 'import', 'django', ...args, '--json')
  t.equal(stderr, args.includes('--commit') ? '' : REHEARSED)
  const report = JSON.parse(stdout || '{}') as Report
  t.equal(code, report.users?.left_out > 0 ? 3 : 0)
  return report
}

/** The users left out or remarked: id, and why. */
export function said({ rows }: Report): Record<number, string> {
  return Object.fromEntries(rows.map(({ id, outcome, reasons }) => [id, [outcome, ...reasons].join(' ')]))
}

export async function withDatabase<T>(url: string, work: (handle: Handle) => Promise<T>): Promise<T> {
  const db = await openDatabase(url)
  try {
    return await db.write(work)
  } finally {
    await db.close()
  }
}

export function usersOf(url: string): Promise<User[]> {
  return withDatabase(url, (handle) => handle.selectFrom('users').selectAll().orderBy('id').execute())
}

/** The names by id. */
export async function namesOf(url: string): Promise<Record<number, string>> {
  return Object.fromEntries((await usersOf(url)).map(({ id, username }) => [id, username]))
}
