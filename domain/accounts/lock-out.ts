import type { Handle } from '../../db/database.ts'
import type { User } from '../../db/schema.ts'
import { hasOtherSuperuser } from '../../db/users.ts'
import { Problem } from '../errors.ts'

/** The flags of a user. */
export type Flags = Pick<User, 'is_active' | 'is_staff' | 'is_superuser'>

/**
 * Refuses what would leave nobody to look after the users: when the last active superuser is one no more. Of those who are staff, too, one must
 * be left, for others cannot use the API. In a transaction that has the turn of administration, so that two who change each other are counted.
 *
 * @param after the user's flags from now on; undefined when the user is deleted
 */
export async function lockOut(handle: Handle, user: User, after: Flags | undefined): Promise<Problem | undefined> {
  if (!isKeeper(user) || (after && isKeeper(after) && after.is_staff >= user.is_staff)) return undefined
  for (const isStaff of user.is_staff ? ([1] as const) : ([1, 0] as const)) {
    if (await hasOtherSuperuser(handle, user.id, isStaff)) return undefined
  }
  return new Problem('conflict', `This is the last active superuser${user.is_staff ? ' who is staff' : ''}. Make another one first.`)
}

function isKeeper({ is_active, is_superuser }: Flags): boolean {
  return is_active === 1 && is_superuser === 1
}
