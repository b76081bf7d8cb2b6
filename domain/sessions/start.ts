import type { Handle } from '../../db/database.ts'
import { countNotEnded } from '../../db/expired-sessions.ts'
import { findSurplusSessions, insertSession } from '../../db/sessions.ts'
import { noteLogin } from '../../db/users.ts'
import { CLOCKS_DIFFER_MS, toSeconds } from '../clock.ts'
import type { Core } from '../context.ts'
import { recentOfUser, recordOfUser } from '../events/of-users.ts'
import type { Origin } from '../events/record.ts'
import { newIdentity, type TokenIdentity } from '../tokens/identity.ts'
import { endingNow, endSessions, type Owner, trimExpired } from './ends.ts'
import { currentToken, type Granted, lastUse } from './grant.ts'
import { nothingReplaced } from './refresh-chain.ts'
import { newSidSecret, sidOf } from './sid.ts'

/** What there is of sessions before another one starts. */
interface Room {
  /** The ids of those that have to end for it. */
  readonly surplus: readonly number[]
  /** How many have not ended, be they live or expired. */
  readonly notEnded: number
}

/** In a transaction that has locked the user: nobody else starts a session then. After a jump of the clock nothing is said to have expired. */
export async function findRoom(handle: Handle, { config, clockWatch }: Core, userId: number): Promise<Room> {
  const { now, isSteady } = clockWatch.read()
  if (!isSteady) return { surplus: [], notEnded: 0 }
  const most = { now, latest: now + CLOCKS_DIFFER_MS, keep: config.sessionsPerUser - 1 }
  const [surplus, notEnded] = await Promise.all([findSurplusSessions(handle, userId, most), countNotEnded(handle, userId)])
  return { surplus, notEnded }
}

/** How a session begins, where that is no login. */
export interface Beginning {
  readonly reason: 'password_changed' | 'legacy_token'
  /** The refresh token that it begins with; a new one unless given. */
  readonly refresh?: TokenIdentity
}

/**
 * Starts a session in a transaction. Of more than a user may have, the one refreshed longest ago ends, and of too many
 * that have expired the oldest are deleted; after a jump of the clock that waits for the next login when the clock is steady again.
 */
export async function startSession(
  handle: Handle,
  core: Core,
  origin: Origin,
  user: Owner,
  room: Room,
  { reason, refresh: given }: Partial<Beginning> = {},
): Promise<Granted> {
  const { config, clock } = core
  const now = clock()
  for (const id of room.surplus) await endSessions(handle, user, { only: id }, endingNow(core, origin, 'superseded'))
  await trimExpired(handle, core, user.id, now, room.notEnded)
  const expiresAt = now + config.sessionMaxAgeSeconds * 1000
  const latestExp = toSeconds(expiresAt)
  const refresh = given ? { ...given, exp: Math.min(given.exp, latestExp) } : newIdentity(now, config.refreshTokenTtlSeconds, latestExp)
  const sid_secret = newSidSecret()
  const session = insertSession(handle, {
    user_id: user.id,
    sid_secret,
    created_at: now,
    expires_at: expiresAt,
    replaced: nothingReplaced,
    ...lastUse(origin, now),
    ...currentToken(refresh),
  })
  const [id, recent] = await Promise.all([
    session,
    recentOfUser(handle, now, user.username, 'login'),
    reason === undefined && noteLogin(handle, user.id, now),
  ])
  const sid = sidOf({ id, sid_secret })
  const happening = { kind: 'login', ...(reason && { reason }), userId: user.id, username: user.username, sid } as const
  await recordOfUser(handle, now, origin, happening, recent)
  return { userId: user.id, sid, sessionExpiresAt: expiresAt, refresh }
}
