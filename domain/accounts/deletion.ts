import type { Handle } from '../../db/database.ts'
import type { User } from '../../db/schema.ts'
import { deleteUser } from '../../db/users.ts'
import type { Core } from '../context.ts'
import { type Origin, recordEvent } from '../events/record.ts'
import { endingNow, endSessions, type Owner } from '../sessions/ends.ts'

/** Deletes a user who is locked, with all sessions. The events stay, and that there was this id. @param by from where, and who if that is another user */
export async function deleteLocked(
  handle: Handle,
  core: Core,
  user: User,
  { origin, actor }: { readonly origin: Origin; readonly actor?: Owner | undefined },
): Promise<void> {
  const ending = endingNow(core, origin, 'user_deleted', actor)
  await endSessions(handle, user, 'all', ending)
  const who = { userId: user.id, username: user.username, ...(actor && { actor }) }
  await recordEvent(handle, ending.at, origin, { kind: 'user_deleted', ...who })
  await deleteUser(handle, user.id, ending.at)
}
