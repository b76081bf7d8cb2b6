import { DatabaseOverloaded, DatabaseUnavailable } from '../../db/errors.ts'
import type { User } from '../../db/schema.ts'
import { type SessionState, settleSession } from '../../db/sessions.ts'
import type { Core } from '../context.ts'
import { TokenProblem, userInactive, userNotFound } from '../errors.ts'
import type { Claims, TokenType } from '../tokens/claims.ts'
import { accompanies } from '../tokens/identity.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { isLive } from './ends.ts'
import { graceMs, settle, standing } from './refresh-chain.ts'
import { findBySid } from './sid.ts'

type CheckCore = Core & { readonly tokens: Tokens }

/** A token that is good now, and its user. */
export interface CheckedToken {
  readonly claims: Claims
  readonly user: Pick<User, 'id' | 'username'>
}

/**
 * Checks whether a token is good now: ours, live, of an active user and of a session that has not ended.
 * A refresh token that was replaced longer ago than the grace is not; asking does not end its session.
 *
 * @param expected the type that the token must have; either when undefined
 * @throws {TokenProblem}
 */
export async function checkToken(core: CheckCore, token: string, expected?: TokenType): Promise<CheckedToken> {
  const claims = await core.tokens.verify(token, expected)
  const found = await findBySid(core.db.read, claims)
  if (!found?.user.is_active) throw new TokenProblem('invalid')
  const { session, user } = found
  const now = core.clock()
  if (!isLive(session, now)) throw new TokenProblem('ended')
  const isReused = claims.token_type === 'refresh' && standing(session, claims.jti, now, graceMs(core.config)) === 'reused'
  if (isReused) throw new TokenProblem('ended')
  await confirm(core, session, claims)
  return { claims, user }
}

/** The same; undefined for a token that is not good. */
export async function inspectToken(core: CheckCore, token: string, expected?: TokenType): Promise<CheckedToken | undefined> {
  try {
    return await checkToken(core, token, expected)
  } catch (error) {
    if (error instanceof TokenProblem) return undefined
    throw error
  }
}

/** The user and session of the access token that a request carries. */
export interface Caller {
  readonly id: number
  readonly username: string
  readonly sessionId: number
  readonly sid: string
}

/**
 * The user and session of an access token.
 *
 * @throws {TokenProblem} when the token is not a live access token of ours, or its session has ended
 * @throws {Problem} `user_not_found` or `user_inactive`
 */
export async function authenticate(core: CheckCore, token: string): Promise<Caller> {
  const claims = await core.tokens.verify(token, 'access')
  const found = await findBySid(core.db.read, claims)
  if (found === undefined) throw userNotFound()
  if (!found.user.is_active) throw userInactive()
  if (!isLive(found.session, core.clock())) throw new TokenProblem('ended')
  await confirm(core, found.session, claims)
  return { id: found.user.id, username: found.user.username, sessionId: found.session.id, sid: claims.sid }
}

/**
 * With `REFRESH_ROTATION=confirmed`: a client that shows a token of the last rotation has received it, so the refresh token
 * before that counts as replaced. Where this cannot be written now, the next check writes it.
 */
async function confirm(core: CheckCore, session: SessionState, { token_type, jti }: Claims): Promise<void> {
  if (session.pending_jti === null) return
  const isSeen = token_type === 'refresh' ? jti === session.refresh_jti : accompanies(jti, session.refresh_jti)
  if (!isSeen) return
  const { replaced } = settle(session, core.clock(), graceMs(core.config))
  try {
    await core.db.write((handle) => settleSession(handle, { ...session, replaced }))
  } catch (error) {
    if (!(error instanceof DatabaseUnavailable || error instanceof DatabaseOverloaded)) throw error
  }
}
