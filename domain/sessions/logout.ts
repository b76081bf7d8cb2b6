import type { Handle } from '../../db/database.ts'
import type { EndReason } from '../../db/schema.ts'
import type { Which } from '../../db/session-ends.ts'
import { findUserAndSession } from '../../db/sessions.ts'
import { TokenProblem } from '../errors.ts'
import type { Origin } from '../events/record.ts'
import type { Claims } from '../tokens/claims.ts'
import type { Caller } from './checks.ts'
import { endSessions } from './ends.ts'
import { endingNow, type SessionContext, verifyRefreshToken } from './refresh.ts'

/**
 * Ends the session of a refresh token, also of one that was replaced, as Simple JWT's blacklist does.
 *
 * @throws {TokenProblem} when it is no live refresh token of ours, or its session has ended before
 */
export async function logOut(context: SessionContext, origin: Origin, token: string): Promise<void> {
  const claims = await verifyRefreshToken(context, origin, token)
  if (!(await endSessionOf(context, origin, claims))) throw new TokenProblem('ended')
}

/**
 * Ends the session of a token of either type (RFC 7009 §2.1). One that is not ours, or of a session that has ended, is
 * revoked already (§2.2). An expired one still tells which session its holder wants to end.
 */
export async function revoke(context: SessionContext, origin: Origin, token: string): Promise<void> {
  const claims = await context.tokens.recognize(token)
  if (claims !== undefined) await endSessionOf(context, origin, claims)
}

/** Ends one of a user's own sessions. @returns false when it is not theirs, or not live */
export async function endOwnSession(context: SessionContext, origin: Origin, caller: Caller, sessionId: number): Promise<boolean> {
  return (await endOwn(context, origin, caller, { only: sessionId }, 'logout')) > 0
}

/** Ends all of a user's sessions but the one that asks. */
export async function endOtherSessions(context: SessionContext, origin: Origin, caller: Caller): Promise<void> {
  await endOwn(context, origin, caller, { except: caller.sessionId }, 'logout_all')
}

function endOwn(context: SessionContext, origin: Origin, caller: Caller, which: Which, reason: EndReason): Promise<number> {
  return context.db.write((handle) => endSessions(handle, caller, which, endingNow(context, origin, reason)))
}

function endSessionOf(context: SessionContext, origin: Origin, claims: Claims): Promise<boolean> {
  return context.db.write(async (handle: Handle) => {
    const found = await findUserAndSession(handle, claims.user_id, Number(claims.sid))
    if (found?.session === undefined) return false
    return (await endSessions(handle, found.user, { only: found.session.id }, endingNow(context, origin, 'logout'))) > 0
  })
}
