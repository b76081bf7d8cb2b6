import type { Database, Handle } from '../db/database.ts'
import type { Session, User } from '../db/schema.ts'
import { endSession, findUserAndSession, insertSession, rotateSession, type UserAndSession } from '../db/sessions.ts'
import type { Claims } from './claims.ts'
import { type Clock, toSeconds } from './clock.ts'
import { challenge, Problem, TokenProblem } from './errors.ts'
import { nothingReplaced, remember, standing } from './rotation.ts'
import { newIdentity, type TokenIdentity, type Tokens } from './tokens.ts'

export interface SessionSettings {
  readonly accessTokenTtlSeconds: number
  readonly refreshTokenTtlSeconds: number
  readonly sessionMaxAgeSeconds: number
  readonly refreshReuseGraceSeconds: number
  readonly refreshRotation: 'on' | 'off'
}

/** What the rules of sessions work with. */
export interface SessionContext {
  readonly db: Database
  readonly tokens: Tokens
  readonly config: SessionSettings
  readonly clock: Clock
}

export interface TokenPair {
  readonly refresh: string
  readonly access: string
}

/** A refreshed session's tokens; no refresh token where they do not rotate. */
export interface RefreshedTokens {
  readonly access: string
  readonly refresh?: string
}

/** What a transaction says of a session, so that tokens can be signed after its commit. */
export interface Granted {
  readonly userId: number
  readonly sessionId: number
  readonly sessionExpiresAt: number
  readonly refresh: TokenIdentity
}

/** Starts a session in a transaction. */
export async function startSession(handle: Handle, { config, clock }: SessionContext, userId: number): Promise<Granted> {
  const now = clock()
  const expiresAt = now + config.sessionMaxAgeSeconds * 1000
  const refresh = newIdentity(now, config.refreshTokenTtlSeconds, toSeconds(expiresAt))
  const sessionId = await insertSession(handle, {
    user_id: userId,
    created_at: now,
    refreshed_at: now,
    expires_at: expiresAt,
    refresh_jti: refresh.jti,
    refresh_iat: refresh.iat,
    refresh_exp: refresh.exp,
    replaced: nothingReplaced,
    address: '',
    client: '',
  })
  return { userId, sessionId, sessionExpiresAt: expiresAt, refresh }
}

/** Signs the refresh token that a session has now and a new access token. */
export function signPair({ tokens, config, clock }: SessionContext, granted: Granted): TokenPair {
  return {
    refresh: tokens.issue('refresh', granted, granted.refresh),
    access: tokens.issue('access', granted, newIdentity(clock(), config.accessTokenTtlSeconds, toSeconds(granted.sessionExpiresAt))),
  }
}

/**
 * Refreshes a session (RFC 6749 §6) with rotation (RFC 9700 §4.14.2).
 *
 * @throws {TokenProblem} when the token is not a live refresh token of ours, its session has ended, or it was replaced
 *   longer ago than the grace, which ends the session
 * @throws {Problem} `no_active_account` when its user is disabled or deleted
 */
export async function refreshSession(context: SessionContext, token: string): Promise<RefreshedTokens> {
  const claims = context.tokens.verify(token, 'refresh')
  const granted = await context.db.write((handle) => problemAsResult(rotateOrEnd(handle, context, claims)))
  if (granted instanceof Problem) throw granted
  const { access, refresh } = signPair(context, granted)
  return context.config.refreshRotation === 'on' ? { access, refresh } : { access }
}

/** A refusal is a result of the transaction. Thrown, it would undo it, and the work of all that share it. */
async function problemAsResult<T>(job: Promise<T>): Promise<T | Problem> {
  try {
    return await job
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
}

/** What is granted for a refresh token. @throws {Problem} when nothing is; a reuse has then ended the session */
async function rotateOrEnd(handle: Handle, context: SessionContext, claims: Claims): Promise<Granted> {
  const { session } = await findLiveSession(handle, claims, context.clock())
  const now = context.clock()
  switch (standing(session, claims.jti, now, graceMs(context))) {
    case 'current':
      return context.config.refreshRotation === 'on' ? rotate(handle, context, session, now) : grant(session)
    case 'replaced':
      return grant(session)
    case 'reused':
      await endSession(handle, session.id, now, 'reuse_detected')
      throw new TokenProblem('ended')
  }
}

async function rotate(handle: Handle, context: SessionContext, session: Session, now: number): Promise<Granted> {
  const refresh = newIdentity(now, context.config.refreshTokenTtlSeconds, toSeconds(session.expires_at))
  const rotation = {
    id: session.id,
    refreshed_at: now,
    refresh_jti: refresh.jti,
    refresh_iat: refresh.iat,
    refresh_exp: refresh.exp,
    replaced: remember(session, now, graceMs(context)),
  }
  await rotateSession(handle, rotation)
  return grant({ ...session, ...rotation })
}

function grant(session: Session): Granted {
  return {
    userId: session.user_id,
    sessionId: session.id,
    sessionExpiresAt: session.expires_at,
    refresh: { jti: session.refresh_jti, iat: session.refresh_iat, exp: session.refresh_exp },
  }
}

/**
 * Tells whether a token of either type is good now: ours, live, of an active user and of a session that has not ended.
 * A refresh token that was replaced longer ago than the grace is not; asking does not end its session.
 *
 * @throws {TokenProblem}
 */
export async function checkToken(context: SessionContext, token: string): Promise<void> {
  const claims = context.tokens.verify(token)
  const now = context.clock()
  const found = await findUserAndSession(context.db.read, claims.user_id, Number(claims.sid))
  if (!found?.user.is_active) throw new TokenProblem('invalid')
  const session = liveSession(found, now)
  if (claims.token_type === 'refresh' && standing(session, claims.jti, now, graceMs(context)) === 'reused') {
    throw new TokenProblem('ended')
  }
}

/**
 * The user whom an access token speaks for.
 *
 * @throws {TokenProblem} when the token is not a live access token of ours, or its session has ended
 * @throws {Problem} `user_not_found` or `user_inactive`
 */
export async function authenticate(context: SessionContext, token: string): Promise<Pick<User, 'id' | 'username'>> {
  const claims = context.tokens.verify(token, 'access')
  const found = await findUserAndSession(context.db.read, claims.user_id, Number(claims.sid))
  if (found === undefined) throw new Problem('user_not_found', 'User not found', { headers: challenge })
  if (!found.user.is_active) throw new Problem('user_inactive', 'User is inactive', { headers: challenge })
  liveSession(found, context.clock())
  return found.user
}

/** The user and the live session of verified claims, for a refresh: a disabled or deleted user is told first. */
async function findLiveSession(handle: Handle, claims: Claims, now: number): Promise<{ user: UserAndSession['user']; session: Session }> {
  const found = await findUserAndSession(handle, claims.user_id, Number(claims.sid))
  if (!found?.user.is_active) {
    throw new Problem('no_active_account', 'No active account found for the given token.', { headers: challenge })
  }
  return { user: found.user, session: liveSession(found, now) }
}

function liveSession({ session }: UserAndSession, now: number): Session {
  if (session === undefined || session.ended_at !== null || session.expires_at <= now) throw new TokenProblem('ended')
  return session
}

function graceMs({ config }: SessionContext): number {
  return config.refreshReuseGraceSeconds * 1000
}
