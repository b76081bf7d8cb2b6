import type { Database, Handle } from '../../db/database.ts'
import type { Session } from '../../db/schema.ts'
import {
  findSurplusSessions,
  findUserAndSession,
  insertSession,
  rotateSession,
  type SessionState,
  touchSession,
} from '../../db/sessions.ts'
import { type Clock, toSeconds } from '../clock.ts'
import { challenge, Problem, TokenProblem } from '../errors.ts'
import { type Happening, type Origin, type Refusals, recordEvent } from '../events/record.ts'
import type { Claims } from '../tokens/claims.ts'
import { accompany, newIdentity, type TokenIdentity } from '../tokens/identity.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { type Ending, endSessions, type Owner } from './ends.ts'
import { advance, nothingReplaced, standing } from './refresh-chain.ts'

export interface SessionSettings {
  readonly accessTokenTtlSeconds: number
  readonly refreshTokenTtlSeconds: number
  readonly sessionMaxAgeSeconds: number
  readonly sessionsPerUser: number
  readonly refreshReuseGraceSeconds: number
  readonly refreshRotation: 'on' | 'off' | 'confirmed'
}

/** What the rules of sessions work with. */
export interface SessionContext {
  readonly db: Database
  readonly tokens: Tokens
  readonly refusals: Refusals
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

/** Starts a session in a transaction. Of more than a user may have, the one refreshed longest ago ends. */
export async function startSession(handle: Handle, context: SessionContext, origin: Origin, user: Owner): Promise<Granted> {
  const { config } = context
  const now = context.clock()
  const surplus = await findSurplusSessions(handle, user.id, now, config.sessionsPerUser - 1)
  for (const id of surplus) await endSessions(handle, user, { only: id }, endingNow(context, origin, 'superseded'))
  const expiresAt = now + config.sessionMaxAgeSeconds * 1000
  const refresh = newIdentity(now, config.refreshTokenTtlSeconds, toSeconds(expiresAt))
  const sessionId = await insertSession(handle, {
    user_id: user.id,
    created_at: now,
    expires_at: expiresAt,
    replaced: nothingReplaced,
    ...used(origin, now),
    ...current(refresh),
  })
  await recordEvent(handle, now, origin, { kind: 'login', userId: user.id, username: user.username, sessionId })
  return { userId: user.id, sessionId, sessionExpiresAt: expiresAt, refresh }
}

/** Signs the refresh token that a session has now and a new access token. */
export function signPair({ tokens, config, clock }: SessionContext, granted: Granted): TokenPair {
  const access = newIdentity(clock(), config.accessTokenTtlSeconds, toSeconds(granted.sessionExpiresAt))
  return {
    refresh: tokens.issue('refresh', granted, granted.refresh),
    access: tokens.issue('access', granted, accompany(granted.refresh.jti, access)),
  }
}

/**
 * Refreshes a session (RFC 6749 §6) with rotation (RFC 9700 §4.14.2).
 *
 * @throws {TokenProblem} when the token is not a live refresh token of ours, its session has ended, or it was replaced
 *   longer ago than the grace, which ends the session
 * @throws {Problem} `no_active_account` when its user is disabled or deleted
 */
export async function refreshSession(context: SessionContext, origin: Origin, token: string): Promise<RefreshedTokens> {
  const claims = await verifyRefreshToken(context, origin, token)
  const result = await context.db.write((handle) => refreshOrRefuse(handle, context, origin, claims))
  if ('problem' in result) {
    context.refusals.note(origin, { kind: 'refresh_refused', ...result.happening })
    throw result.problem
  }
  const { access, refresh } = signPair(context, result)
  return context.config.refreshRotation === 'off' ? { access } : { access, refresh }
}

/**
 * The claims of a live refresh token of ours.
 *
 * @throws {TokenProblem} which is noted when the token is ours: one that is forged tells of nobody, and writes nothing
 */
export async function verifyRefreshToken(context: SessionContext, origin: Origin, token: string): Promise<Claims> {
  try {
    return await context.tokens.verify(token, 'refresh')
  } catch (error) {
    if (error instanceof TokenProblem) await noteRefusedToken(context, origin, token)
    throw error
  }
}

async function noteRefusedToken({ tokens, refusals, db }: SessionContext, origin: Origin, token: string): Promise<void> {
  const claims = await tokens.recognize(token)
  if (claims === undefined) return
  const who = { userId: claims.user_id, sessionId: Number(claims.sid) }
  const username = (await findUserAndSession(db.read, who.userId, who.sessionId))?.user.username
  const reason = claims.token_type === 'refresh' ? 'token_expired' : 'wrong_type'
  refusals.note(origin, { kind: 'refresh_refused', reason, ...who, ...(username !== undefined && { username }) })
}

/** A refusal is a result of the transaction. Thrown, it would undo it, and the work of all that share it. */
interface Refused {
  readonly problem: Problem
  readonly happening: Omit<Happening, 'kind'>
}

/** What is granted for a refresh token; a reuse ends the session. A disabled or deleted user is told first. */
async function refreshOrRefuse(handle: Handle, context: SessionContext, origin: Origin, claims: Claims): Promise<Granted | Refused> {
  const now = context.clock()
  const who = { userId: claims.user_id, sessionId: Number(claims.sid) }
  const found = await findUserAndSession(handle, who.userId, who.sessionId)
  if (found === undefined) return { problem: noActiveAccount(), happening: { reason: 'user_deleted', ...who } }
  const { user, session } = found
  const refused = (problem: Problem, reason: string) => ({ problem, happening: { reason, username: user.username, ...who } })
  if (!user.is_active) return refused(noActiveAccount(), 'user_disabled')
  const endReason = session?.end_reason ?? 'expired'
  if (!isLive(session, now)) return refused(new TokenProblem('ended'), `session_ended: ${endReason}`)
  switch (standing(session, claims.jti, now, graceMs(context))) {
    case 'current':
      return rotate(handle, context, origin, session)
    case 'pending':
    case 'replaced':
      return grant(session)
    case 'reused':
      await endSessions(handle, user, { only: session.id }, endingNow(context, origin, 'reuse_detected'))
      return refused(new TokenProblem('ended'), 'reuse_detected')
  }
}

/** Gives a session its next refresh token, in a transaction; the same one where they do not rotate. */
export async function rotate(handle: Handle, context: SessionContext, origin: Origin, session: SessionState): Promise<Granted> {
  const now = context.clock()
  const { refreshRotation, refreshTokenTtlSeconds } = context.config
  const use = { id: session.id, ...used(origin, now) }
  if (refreshRotation === 'off') {
    await touchSession(handle, use)
    return grant(session)
  }
  const refresh = newIdentity(now, refreshTokenTtlSeconds, toSeconds(session.expires_at))
  const chain = advance(session, refresh.jti, now, graceMs(context), refreshRotation === 'confirmed')
  const { pending_jti, replaced } = chain
  const rotation = { ...use, ...current(refresh), pending_jti, replaced }
  await rotateSession(handle, rotation)
  return grant({ ...session, ...rotation })
}

/** Whether a session goes on: it has not ended, and is not too old. Its refresh token tells itself whether it was idle too long. */
export function isLive(session: SessionState | undefined, now: number): session is SessionState {
  return session !== undefined && session.ended_at === null && session.expires_at > now
}

export function graceMs({ config }: Pick<SessionContext, 'config'>): number {
  return config.refreshReuseGraceSeconds * 1000
}

/** An end of sessions that happens now. */
export function endingNow({ config, clock }: Pick<SessionContext, 'config' | 'clock'>, origin: Origin, reason: Ending['reason']): Ending {
  return { reason, origin, at: clock(), accessTokenTtlSeconds: config.accessTokenTtlSeconds }
}

function noActiveAccount(): Problem {
  return new Problem('no_active_account', 'No active account found for the given token.', { headers: challenge })
}

function used({ address, client }: Origin, now: number): Pick<Session, 'refreshed_at' | 'address' | 'client'> {
  return { refreshed_at: now, address: address ?? '', client: client ?? '' }
}

function current({ jti, iat, exp }: TokenIdentity): Pick<Session, 'refresh_jti' | 'refresh_iat' | 'refresh_exp'> {
  return { refresh_jti: jti, refresh_iat: iat, refresh_exp: exp }
}

function grant(session: SessionState): Granted {
  return {
    userId: session.user_id,
    sessionId: session.id,
    sessionExpiresAt: session.expires_at,
    refresh: { jti: session.refresh_jti, iat: session.refresh_iat, exp: session.refresh_exp },
  }
}
