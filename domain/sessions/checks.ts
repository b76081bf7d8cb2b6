import { DatabaseOverloaded, DatabaseUnavailable } from '../../db/errors.ts'
import type { User } from '../../db/schema.ts'
import { findUserAndSession, type SessionState, settleSession } from '../../db/sessions.ts'
import { Problem, TokenProblem, userInactive, userNotFound } from '../errors.ts'
import type { Claims } from '../tokens/claims.ts'
import { accompanies } from '../tokens/identity.ts'
import { graceMs, isLive, type SessionContext } from './refresh.ts'
import { settle, standing } from './refresh-chain.ts'

/** A token that is good now, and whose it is. */
export interface CheckedToken {
  readonly claims: Claims
  readonly user: Pick<User, 'id' | 'username'>
}

/**
 * Tells whether a token of either type is good now: ours, live, of an active user and of a session that has not ended.
 * A refresh token that was replaced longer ago than the grace is not; asking does not end its session.
 *
 * @throws {TokenProblem}
 */
export async function checkToken(context: SessionContext, token: string): Promise<CheckedToken> {
  const claims = await context.tokens.verify(token)
  const found = await findUserAndSession(context.db.read, claims.user_id, Number(claims.sid))
  if (!found?.user.is_active) throw new TokenProblem('invalid')
  const { session, user } = found
  const now = context.clock()
  if (!isLive(session, now)) throw new TokenProblem('ended')
  if (claims.token_type === 'refresh' && standing(session, claims.jti, now, graceMs(context)) === 'reused') throw new TokenProblem('ended')
  await confirm(context, session, claims)
  return { claims, user }
}

/** The same; undefined for a token that is not good. */
export async function inspectToken(context: SessionContext, token: string): Promise<CheckedToken | undefined> {
  try {
    return await checkToken(context, token)
  } catch (error) {
    if (error instanceof Problem) return undefined
    throw error
  }
}

/** Who asks: a user, by an access token of a session. */
export interface Caller {
  readonly id: number
  readonly username: string
  readonly sessionId: number
}

/**
 * Whom an access token speaks for.
 *
 * @throws {TokenProblem} when the token is not a live access token of ours, or its session has ended
 * @throws {Problem} `user_not_found` or `user_inactive`
 */
export async function authenticate(context: SessionContext, token: string): Promise<Caller> {
  const claims = await context.tokens.verify(token, 'access')
  const found = await findUserAndSession(context.db.read, claims.user_id, Number(claims.sid))
  if (found === undefined) throw userNotFound()
  if (!found.user.is_active) throw userInactive()
  if (!isLive(found.session, context.clock())) throw new TokenProblem('ended')
  await confirm(context, found.session, claims)
  return { id: found.user.id, username: found.user.username, sessionId: found.session.id }
}

/**
 * With `REFRESH_ROTATION=confirmed`: a client that shows what it got by a rotation has got it, and the token before is
 * replaced. Where that cannot be written now, it will be the next time.
 */
async function confirm(context: SessionContext, session: SessionState, { token_type, jti }: Claims): Promise<void> {
  if (session.pending_jti === null) return
  const isSeen = token_type === 'refresh' ? jti === session.refresh_jti : accompanies(jti, session.refresh_jti)
  if (!isSeen) return
  const { replaced } = settle(session, context.clock(), graceMs(context))
  try {
    await context.db.write((handle) => settleSession(handle, { ...session, replaced }))
  } catch (error) {
    if (!(error instanceof DatabaseUnavailable || error instanceof DatabaseOverloaded)) throw error
  }
}
