import type { Handle } from './database.ts'
import { whereOfHere } from './of-here.ts'
import type { User } from './schema.ts'

/** Rows that are read at once. */
const PAGE = 250

/** All users by their id, a page at a time. @param isChanged only those of here */
export async function* pagesOfUsers(db: Handle, { isChanged = false } = {}): AsyncGenerator<User[]> {
  const all = db.selectFrom('users').selectAll().orderBy('id').limit(PAGE)
  const asked = isChanged ? all.where(whereOfHere) : all
  for (let last = 0; ; ) {
    const page = await asked.where('id', '>', last).execute()
    if (page.length > 0) yield page
    if (page.length < PAGE) return
    last = (page.at(-1) as User).id
  }
}

/** The ids of all users that were deleted here, a page at a time. */
export async function* pagesOfDeletedIds(db: Handle): AsyncGenerator<number[]> {
  for (let last = 0; ; ) {
    const rows = await db.selectFrom('deleted_users').select('user_id').where('user_id', '>', last).orderBy('user_id').limit(PAGE).execute()
    const page = rows.map(({ user_id }) => user_id)
    if (page.length > 0) yield page
    if (page.length < PAGE) return
    last = page.at(-1) as number
  }
}
