import type { Handle } from './database.ts'
import { adapterOf } from './dialect.ts'
import { highestId } from './moving/rows.ts'

/**
 * Lets new users have ids after this one.
 *
 * @returns the highest id that was given so far
 */
export async function raiseLastId(db: Handle, id: number): Promise<number> {
  // In PostgreSQL the highest id of a row says nothing about the next one: rows that an import has brought had theirs.
  const last = await adapterOf(db).lastIdOf(db, 'users')
  if (last >= Math.max(id, await highestId(db, 'users'))) return last
  // Whoever registers meanwhile would be given an id that is behind it.
  await adapterOf(db).lockTables?.(db, ['users'])
  const now = Math.max(await lastUserId(db), id)
  await adapterOf(db).setLastId(db, 'users', now)
  return now
}

/** The highest id that a user was given so far, also one who is no more. */
export async function lastUserId(db: Handle): Promise<number> {
  const { id } = await db
    .selectFrom('deleted_users')
    .select(({ fn }) => fn.max<number | null>('user_id').as('id'))
    .executeTakeFirstOrThrow()
  return Math.max(await adapterOf(db).lastIdOf(db, 'users'), await highestId(db, 'users'), id ?? 0)
}
