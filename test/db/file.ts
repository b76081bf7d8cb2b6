import type { Test } from 'tap'
import type { Database, Handle } from '../../db/database.ts'
import { DatabaseOverloaded, DatabaseUnavailable } from '../../db/errors.ts'
import { openDatabase } from '../../db/open.ts'
import { insertUser } from '../../db/users.ts'
import { folder } from '../server/process.ts'

export async function openIn(t: Test): Promise<{ db: Database; file: string }> {
  const file = `${folder(t)}/latchkey.db`
  const db = await openDatabase(`file:${file}`)
  t.teardown(() => db.close())
  return { db, file }
}

export const insert = (handle: Handle, username: string) =>
  insertUser(handle, { username, username_key: username, password: '-', created_at: 1 })

/** `done`, or how the job failed: the class of a database error, else the message. */
export function outcome(result: PromiseSettledResult<unknown>): string {
  if (result.status === 'fulfilled') return 'done'
  const isOurs = [DatabaseOverloaded, DatabaseUnavailable].some((known) => result.reason instanceof known)
  return isOurs ? result.reason.constructor.name : result.reason.message
}

export async function names(db: Database): Promise<string[]> {
  return (await db.read.selectFrom('users').select('username').orderBy('id').execute()).map(({ username }) => username)
}
