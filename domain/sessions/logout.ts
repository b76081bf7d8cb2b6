import { lockUser } from '../../db/turns.ts'
import type { Core } from '../context.ts'
import { TokenProblem } from '../errors.ts'
import type { Origin } from '../events/record.ts'
import type { Refusals } from '../events/refusals.ts'
import type { Claims } from '../tokens/claims.ts'
import { type AnyClaims, isLegacy } from '../tokens/legacy.ts'
import type { Tokens } from '../tokens/tokens.ts'
import type { Caller } from './checks.ts'
import { endingNow, endSessions } from './ends.ts'
import { revokeLegacy } from './legacy.ts'
import { verifyRefreshToken } from './refresh.ts'
import { findBySid, parseSid } from './sid.ts'

/**
 * Ends the session of a refresh token, also of one that was replaced, as Simple JWT's blacklist does. A legacy token that has become no session is
 * dead then.
 *
 * @throws {TokenProblem} when it is no live refresh token of ours, or its session has ended before
 */
export async function logOut(
  core: Core & { readonly tokens: Tokens; readonly refusals: Refusals },
  origin: Origin,
  token: string,
): Promise<void> {
  const claims = await verifyRefreshToken(core, origin, token)
  if (!(await end(core, origin, claims))) throw new TokenProblem('ended')
}

/**
 * Ends the session of a token of either type (RFC 7009 §2.1). A token that is not ours, or of a session that has ended, counts
 * as revoked already (§2.2). An expired one still names the session that its holder wants to end. Of a legacy access token no session is known: it
 * alone is dead then.
 */
export async function revoke(core: Core & { readonly tokens: Tokens }, origin: Origin, token: string): Promise<void> {
  const claims = await core.tokens.recognizeAny(token)
  if (claims !== undefined) await end(core, origin, claims)
}

function end(core: Core, origin: Origin, claims: AnyClaims): Promise<boolean> {
  return isLegacy(claims) ? revokeLegacy(core, origin, claims) : endSessionOf(core, origin, claims)
}

/** Ends one of a user's own sessions. @returns false when it is not theirs, or not live */
export async function endOwnSession(core: Core, origin: Origin, caller: Caller, sid: string): Promise<boolean> {
  return parseSid(sid) !== undefined && endSessionOf(core, origin, { user_id: caller.id, sid })
}

/** Ends all of a user's sessions but the one that asks. */
export async function endOtherSessions(core: Core, origin: Origin, caller: Caller): Promise<void> {
  const others = { except: caller.sessionId }
  await core.db.write(async (handle) => {
    await lockUser(handle, caller.id)
    await endSessions(handle, caller, others, endingNow(core, origin, 'logout_all'))
  })
}

async function endSessionOf(core: Core, origin: Origin, claims: Pick<Claims, 'user_id' | 'sid'>): Promise<boolean> {
  const found = await findBySid(core.db.read, claims)
  if (found?.session === undefined || found.session.ended_at !== null) return false
  const { user, session } = found
  return core.db.write(async (handle) => {
    await lockUser(handle, user.id)
    return (await endSessions(handle, user, { only: session.id }, endingNow(core, origin, 'logout'))) > 0
  })
}
