import { DatabaseOverloaded, DatabaseUnavailable } from '../../db/errors.ts'
import type { User } from '../../db/schema.ts'
import { type SessionState, settleSession } from '../../db/sessions.ts'
import type { Core } from '../context.ts'
import { TokenProblem, userInactive, userNotFound } from '../errors.ts'
import type { Claims, TokenType } from '../tokens/claims.ts'
import { accompanies } from '../tokens/identity.ts'
import { type AnyClaims, isLegacy, type LegacyClaims } from '../tokens/legacy.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { isLive } from './ends.ts'
import { chainedJti, findLegacy } from './legacy.ts'
import { graceMs, settle, standing } from './refresh-chain.ts'
import { findBySid } from './sid.ts'

type CheckCore = Core & { readonly tokens: Tokens }

/** A token that is good now, and its user. */
export interface CheckedToken {
  readonly claims: AnyClaims
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
  const claims = await core.tokens.verifyAny(token, expected)
  if (isLegacy(claims)) return { claims, user: await checkLegacy(core, claims) }
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

/** The user of a legacy token. A refresh token that has become no session yet is good, and asking makes none of it. @throws {TokenProblem} */
async function checkLegacy(core: CheckCore, claims: LegacyClaims): Promise<CheckedToken['user']> {
  const found = await findLegacy(core.db.read, claims)
  if (!found?.user.is_active) throw new TokenProblem('invalid')
  const { user, session, isDead } = found
  const now = core.clock()
  const isGood =
    session === undefined || (isLive(session, now) && standing(session, chainedJti(claims), now, graceMs(core.config)) !== 'reused')
  if (isDead || !isGood) throw new TokenProblem('ended')
  return user
}

/** The user of the access token that a request carries. */
export type Bearer = Pick<User, 'id' | 'username'>

/** The same with the session, which a legacy token has not. */
export interface Caller extends Bearer {
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
  return callerOf(core, await core.tokens.verify(token, 'access'))
}

/** The user of an access token, also of a legacy one. Throws what `authenticate` does. */
export async function authenticateAny(core: CheckCore, token: string): Promise<Bearer> {
  const claims = await core.tokens.verifyAny(token, 'access')
  if (!isLegacy(claims)) return callerOf(core, claims)
  const found = await findLegacy(core.db.read, claims)
  if (found === undefined) throw userNotFound()
  if (!found.user.is_active) throw userInactive()
  if (found.isDead) throw new TokenProblem('ended')
  return { id: found.user.id, username: found.user.username }
}

async function callerOf(core: CheckCore, claims: Claims): Promise<Caller> {
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
