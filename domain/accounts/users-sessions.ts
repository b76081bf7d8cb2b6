import type { Session } from '../../db/schema.ts'
import { findSessionOwner, listLiveSessions } from '../../db/sessions.ts'
import { findUserById } from '../../db/users.ts'
import type { Core } from '../context.ts'
import { notFound } from '../errors.ts'
import { recordEvent } from '../events/record.ts'
import { endingNow, endSessions } from '../sessions/ends.ts'
import { parseSid } from '../sessions/sid.ts'
import { administerUser, type By, doneBy } from './administration.ts'

// The sessions of others, for staff and for the operator. What changes them throws what the functions of `users.ts` do.

/** The live sessions of a user, the one used last first. @throws {Problem} `not_found` */
export async function listSessions({ db, clock }: Pick<Core, 'db' | 'clock'>, userId: number): Promise<Session[]> {
  const [user, sessions] = await Promise.all([findUserById(db.read, userId), listLiveSessions(db.read, userId, clock())])
  if (user === undefined) throw notFound()
  return sessions
}

/** Ends all sessions of a user. @returns how many */
export function endSessionsOf(core: Core, by: By, userId: number): Promise<number> {
  const { origin, actor } = doneBy(by, userId)
  return administerUser(core, { by, need: 'staff', userId }, async (handle, user) => {
    const ending = endingNow(core, origin, 'admin', actor)
    const ended = await endSessions(handle, user, 'all', ending)
    const who = { userId, username: user.username, ...(actor && { actor }) }
    if (ended > 0) await recordEvent(handle, ending.at, origin, { kind: 'sessions_ended', ...who })
    return ended
  })
}

/**
 * Ends one session.
 *
 * @param userId whose it must be; anybody's unless given
 * @throws {Problem} `not_found` also when it is not live
 */
export async function endSession(core: Core, by: By, sid: string, userId?: number): Promise<void> {
  const { id, secret } = parseSid(sid) ?? {}
  const session = id === undefined ? undefined : await findSessionOwner(core.db.read, id)
  const isSought = session !== undefined && session.sid_secret === secret && [undefined, session.user_id].includes(userId)
  if (!isSought) throw notFound()
  const { origin, actor } = doneBy(by, session.user_id)
  await administerUser(core, { by, need: 'staff', userId: session.user_id }, async (handle, user) => {
    const ended = await endSessions(handle, user, { only: session.id }, endingNow(core, origin, 'admin', actor))
    if (ended === 0) return notFound()
  })
}
