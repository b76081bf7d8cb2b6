import type { User } from '../../db/schema.ts'
import { bit } from '../../db/users.ts'
import { type After, listUsersAfter } from '../../db/users-list.ts'
import type { Core } from '../context.ts'
import { cursorOf, invalidCursor, placeOf } from '../cursors.ts'
import { fold, isStorable } from '../text.ts'

/** Which users are listed: those for which all that is given holds. */
export interface UserFilters {
  /** What the name begins with, whatever its case and form. */
  readonly search?: string | undefined
  readonly isActive?: boolean | undefined
  readonly isStaff?: boolean | undefined
  readonly isSuperuser?: boolean | undefined
}

/** A page of a list, and the cursor of the next one; null when there is none. */
export interface Listed<T> {
  readonly results: readonly T[]
  readonly next: string | null
}

/**
 * Users by folded name and id.
 *
 * @param cursor the `next` of the page before
 * @throws {Problem} `invalid` under `cursor`, which is good for the same filters alone
 */
export async function listUsers(
  { db }: Pick<Core, 'db'>,
  { limit, cursor, ...filters }: UserFilters & { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Listed<User>> {
  const prefix = fold(filters.search ?? '')
  const flags = {
    ...(filters.isActive !== undefined && { is_active: bit(filters.isActive) }),
    ...(filters.isStaff !== undefined && { is_staff: bit(filters.isStaff) }),
    ...(filters.isSuperuser !== undefined && { is_superuser: bit(filters.isSuperuser) }),
  }
  const list = JSON.stringify(['users', prefix, filters.isActive ?? null, filters.isStaff ?? null, filters.isSuperuser ?? null])
  // No name is before the prefix that begins with it, and no id is 0.
  const after = cursor === undefined ? { usernameKey: prefix, id: 0 } : placeIn(list, cursor)
  if (!isStorable(prefix)) return { results: [], next: null }
  const found = (await listUsersAfter(db.read, flags, after, limit + 1)).filter((user) => user.username_key.startsWith(prefix))
  const results = found.slice(0, limit)
  const last = results.at(-1)
  return { results, next: last !== undefined && found.length > limit ? cursorOf(list, [last.username_key, last.id]) : null }
}

function placeIn(list: string, cursor: string): After {
  const [usernameKey, id] = placeOf(list, cursor)
  if (typeof usernameKey !== 'string' || !isStorable(usernameKey) || !Number.isSafeInteger(id)) throw invalidCursor()
  return { usernameKey, id: id as number }
}
