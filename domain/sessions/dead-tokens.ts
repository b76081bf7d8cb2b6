import { type DeadToken, insertDeadTokens } from '../../db/legacy-tokens.ts'
import type { LegacyToken } from '../../db/schema.ts'
import { lockUser } from '../../db/turns.ts'
import { findUserById } from '../../db/users.ts'
import type { Core } from '../context.ts'
import { noOrigin } from '../events/record.ts'
import { endingNow, endSessions } from './ends.ts'

/**
 * Notes tokens that are dead in the system that they come from, some hundred at a time. One that has become a session here since ends it: its
 * holder has logged out there, and a logout holds.
 *
 * @param tokens of users that are here
 * @returns how many sessions ended
 */
export async function noteDeadTokens(core: Core, tokens: readonly DeadToken[]): Promise<number> {
  const used = await core.db.write((handle) => insertDeadTokens(handle, tokens))
  let ended = 0
  for (const token of used) ended += await endSessionOf(core, token)
  return ended
}

function endSessionOf(core: Core, { user_id, session_id }: LegacyToken): Promise<number> {
  return core.db.write(async (handle) => {
    await lockUser(handle, user_id)
    const user = await findUserById(handle, user_id)
    if (user === undefined) return 0
    return endSessions(handle, user, { only: session_id as number }, endingNow(core, noOrigin, 'logout'))
  })
}
