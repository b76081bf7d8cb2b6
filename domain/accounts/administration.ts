import { lockUser } from '../../db/turns.ts'
import { findUserById, setUserActive } from '../../db/users.ts'
import type { Core } from '../context.ts'
import { noOrigin, recordEvent } from '../events/record.ts'
import { findUserNamed } from '../names.ts'
import { endingNow, endSessions } from '../sessions/ends.ts'

// What the operator does to the accounts of others.

/**
 * Enables a user, or disables one and ends all sessions. A user who is so already is no event.
 *
 * @returns whether that is a change; undefined when there is no user of this name: see `findUserNamed`
 */
export async function setActive(core: Core, username: string, isActive: boolean): Promise<boolean | undefined> {
  return core.db.write(async (handle) => {
    const named = await findUserNamed(handle, username)
    if (named === undefined) return undefined
    await lockUser(handle, named.id)
    // The user may have been deleted before it was locked.
    const user = await findUserById(handle, named.id)
    if (user === undefined) return undefined
    if (!isActive) await endSessions(handle, user, 'all', endingNow(core, noOrigin, 'user_disabled'))
    if (user.is_active === (isActive ? 1 : 0)) return false
    await setUserActive(handle, user.id, isActive)
    await recordEvent(handle, core.clock(), noOrigin, {
      kind: isActive ? 'user_enabled' : 'user_disabled',
      userId: user.id,
      username: user.username,
    })
    return true
  })
}

/**
 * Ends all sessions of a user.
 *
 * @returns how many; undefined when there is no user of this name: see `findUserNamed`
 */
export async function logOutUser(core: Core, username: string): Promise<number | undefined> {
  return core.db.write(async (handle) => {
    const user = await findUserNamed(handle, username)
    if (user === undefined) return undefined
    await lockUser(handle, user.id)
    return endSessions(handle, user, 'all', endingNow(core, noOrigin, 'admin'))
  })
}
