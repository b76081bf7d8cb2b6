import type { EndReason } from '../../db/schema.ts'
import type { Which } from '../../db/session-ends.ts'
import { findUserAndSession } from '../../db/sessions.ts'
import type { Core } from '../context.ts'
import { TokenProblem } from '../errors.ts'
import type { Origin } from '../events/record.ts'
import type { Refusals } from '../events/refusals.ts'
import type { Claims } from '../tokens/claims.ts'
import type { Tokens } from '../tokens/tokens.ts'
import type { Caller } from './checks.ts'
import { endingNow, endSessions } from './ends.ts'
import { verifyRefreshToken } from './refresh.ts'

/**
 * Ends the session of a refresh token, also of one that was replaced, as Simple JWT's blacklist does.
 *
 * @throws {TokenProblem} when it is no live refresh token of ours, or its session has ended before
 */
export async function logOut(
  core: Core & { readonly tokens: Tokens; readonly refusals: Refusals },
  origin: Origin,
  token: string,
): Promise<void> {
  const claims = await verifyRefreshToken(core, origin, token)
  if (!(await endSessionOf(core, origin, claims))) throw new TokenProblem('ended')
}

/**
 * Ends the session of a token of either type (RFC 7009 §2.1). A token that is not ours, or of a session that has ended, counts
 * as revoked already (§2.2). An expired one still names the session that its holder wants to end.
 */
export async function revoke(core: Core & { readonly tokens: Tokens }, origin: Origin, token: string): Promise<void> {
  const claims = await core.tokens.recognize(token)
  if (claims !== undefined) await endSessionOf(core, origin, claims)
}

/** Ends one of a user's own sessions. @returns false when it is not theirs, or not live */
export async function endOwnSession(core: Core, origin: Origin, caller: Caller, sessionId: number): Promise<boolean> {
  return (await endOwn(core, origin, caller, { only: sessionId }, 'logout')) > 0
}

/** Ends all of a user's sessions but the one that asks. */
export async function endOtherSessions(core: Core, origin: Origin, caller: Caller): Promise<void> {
  await endOwn(core, origin, caller, { except: caller.sessionId }, 'logout_all')
}

function endOwn(core: Core, origin: Origin, caller: Caller, which: Which, reason: EndReason): Promise<number> {
  return core.db.write((handle) => endSessions(handle, caller, which, endingNow(core, origin, reason)))
}

function endSessionOf(core: Core, origin: Origin, claims: Claims): Promise<boolean> {
  return core.db.write(async (handle) => {
    const found = await findUserAndSession(handle, claims.user_id, Number(claims.sid))
    if (found?.session === undefined) return false
    return (await endSessions(handle, found.user, { only: found.session.id }, endingNow(core, origin, 'logout'))) > 0
  })
}
