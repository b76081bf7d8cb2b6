import type { Handle } from '../../db/database.ts'
import { findSurplusSessions, insertSession } from '../../db/sessions.ts'
import { CLOCKS_DIFFER_MS, toSeconds } from '../clock.ts'
import type { Core } from '../context.ts'
import { recordOfUser } from '../events/of-users.ts'
import type { Origin } from '../events/record.ts'
import { newIdentity } from '../tokens/identity.ts'
import { endingNow, endSessions, type Owner, trimExpired } from './ends.ts'
import { currentToken, type Granted, lastUse } from './grant.ts'
import { nothingReplaced } from './refresh-chain.ts'
import { newSidSecret, sidOf } from './sid.ts'

/**
 * Starts a session in a transaction. Of more than a user may have, the one refreshed longest ago ends, and of too many
 * that have expired the oldest are deleted; after a jump of the clock that waits for the next login when the clock is steady again.
 *
 * @param reason what began it, where that is no login
 */
export async function startSession(handle: Handle, core: Core, origin: Origin, user: Owner, reason?: 'password_changed'): Promise<Granted> {
  const { config, clockWatch } = core
  const { now, isSteady } = clockWatch.read()
  const most = { now, latest: now + CLOCKS_DIFFER_MS, keep: config.sessionsPerUser - 1 }
  const surplus = isSteady ? await findSurplusSessions(handle, user.id, most) : []
  for (const id of surplus) await endSessions(handle, user, { only: id }, endingNow(core, origin, 'superseded'))
  if (isSteady) await trimExpired(handle, core, user.id, now)
  const expiresAt = now + config.sessionMaxAgeSeconds * 1000
  const refresh = newIdentity(now, config.refreshTokenTtlSeconds, toSeconds(expiresAt))
  const sid_secret = newSidSecret()
  const id = await insertSession(handle, {
    user_id: user.id,
    sid_secret,
    created_at: now,
    expires_at: expiresAt,
    replaced: nothingReplaced,
    ...lastUse(origin, now),
    ...currentToken(refresh),
  })
  const sid = sidOf({ id, sid_secret })
  await recordOfUser(handle, now, origin, { kind: 'login', ...(reason && { reason }), userId: user.id, username: user.username, sid })
  return { userId: user.id, sid, sessionExpiresAt: expiresAt, refresh }
}
