import type { Handle } from '../../db/database.ts'
import { rotateSession, type SessionState, touchSession } from '../../db/sessions.ts'
import { lockUser } from '../../db/turns.ts'
import { toSeconds } from '../clock.ts'
import type { Core } from '../context.ts'
import { challenge, Problem, TokenProblem } from '../errors.ts'
import type { Happening, Origin } from '../events/record.ts'
import type { Refusals } from '../events/refusals.ts'
import { newIdentity } from '../tokens/identity.ts'
import { type AnyClaims, isLegacy, type LegacyClaims } from '../tokens/legacy.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { noteIfElsewhere } from './elsewhere.ts'
import { endingNow, endSessions, isLive, type Owner } from './ends.ts'
import { currentToken, type Granted, grant, lastUse, signAccess, signPair, type TokenPair } from './grant.ts'
import { findLegacy, type RefreshClaims, sessionOfLegacy } from './legacy.ts'
import { advance, graceMs, standing } from './refresh-chain.ts'
import { findBySid } from './sid.ts'

type RefreshCore = Core & { readonly tokens: Tokens; readonly refusals: Refusals }

/**
 * Refreshes a session (RFC 6749 §6) with rotation (RFC 9700 §4.14.2).
 *
 * @returns no refresh token where they do not rotate
 * @throws {TokenProblem} when the token is not a live refresh token of ours, its session has ended, or it was replaced
 *   longer ago than the grace, which ends the session
 * @throws {Problem} `no_active_account` when its user is disabled or deleted
 */
export async function refreshSession(
  core: RefreshCore,
  origin: Origin,
  token: string,
): Promise<Pick<TokenPair, 'access'> & Partial<TokenPair>> {
  const claims = await verifyRefreshToken(core, origin, token)
  const result = await (isLegacy(claims) ? refreshLegacy(core, origin, claims) : refreshOrRefuse(core, origin, claims))
  if ('problem' in result) {
    core.refusals.note(origin, { kind: 'refresh_refused', ...result.happening })
    throw result.problem
  }
  return core.config.refreshRotation === 'off' ? { access: signAccess(core, result) } : signPair(core, result)
}

/**
 * The claims of a live refresh token of ours, or of a legacy one.
 *
 * @throws {TokenProblem} for any other token. If it is ours, an event is recorded; a forged token writes nothing
 */
export async function verifyRefreshToken(core: RefreshCore, origin: Origin, token: string): Promise<AnyClaims> {
  try {
    return await core.tokens.verifyAny(token, 'refresh')
  } catch (error) {
    if (error instanceof TokenProblem) await noteRefusedToken(core, origin, token)
    throw error
  }
}

async function noteRefusedToken({ tokens, refusals, db }: RefreshCore, origin: Origin, token: string): Promise<void> {
  const claims = await tokens.recognizeAny(token)
  if (claims === undefined) return
  const reason = claims.token_type === 'refresh' ? 'token_expired' : 'wrong_type'
  refusals.note(origin, { kind: 'refresh_refused', reason, ...(await whose(db.read, claims)) })
}

/** Whose token it is, and of which session, as an event says it. */
async function whose(handle: Handle, claims: AnyClaims): Promise<Pick<Happening, 'userId' | 'username' | 'sid'>> {
  if (isLegacy(claims)) return named((await findLegacy(handle, claims))?.user)
  const found = await findBySid(handle, claims)
  // After a restore a user of this id may be somebody else than the token's.
  const username = found?.session && found.user.username
  return { userId: claims.user_id, sid: claims.sid, ...(username !== undefined && { username }) }
}

/** Whose a legacy token is. Where that is no imported user, the id may be that of somebody else, and is not said. */
function named(user: Owner | undefined): Pick<Happening, 'userId' | 'username'> {
  return user === undefined ? {} : { userId: user.id, username: user.username }
}

interface Refused {
  readonly problem: Problem
  readonly happening: Omit<Happening, 'kind'>
}

/** At its first use it becomes a session, and is then refreshed as the first refresh token of that. */
async function refreshLegacy(core: Core, origin: Origin, claims: LegacyClaims): Promise<Granted | Refused> {
  const found = await sessionOfLegacy(core, origin, claims)
  if (!('refusal' in found)) return refreshOrRefuse(core, origin, found)
  const { refusal: reason, user } = found
  const problem = reason === 'revoked' ? new TokenProblem('ended') : noActiveAccount()
  return { problem, happening: { reason, ...named(user) } }
}

/** Another request with the token of the same session may rotate it between our look at it and our write: then we look again. */
async function refreshOrRefuse(core: Core, origin: Origin, claims: RefreshClaims): Promise<Granted | Refused> {
  for (;;) {
    const result = await grantOrRefuse(core, origin, claims)
    if (result !== 'overtaken') return result
  }
}

/**
 * What is granted for a refresh token; a reuse ends the session, unless the clock is not steady: then it may be no reuse, and is only
 * refused. That the user is disabled or deleted is answered first, as Simple JWT does.
 */
async function grantOrRefuse(core: Core, origin: Origin, claims: RefreshClaims): Promise<Granted | Refused | 'overtaken'> {
  const { now, isSteady } = core.clockWatch.read()
  const who = { userId: claims.user_id, sid: claims.sid }
  const found = await findBySid(core.db.read, claims)
  if (found === undefined) return { problem: noActiveAccount(), happening: { reason: 'user_deleted', ...who } }
  const { user, session } = found
  // Without the session, the user of this id may be somebody else since a backup was restored.
  const named = session === undefined ? who : { username: user.username, ...who }
  const refused = (problem: Problem, reason: string) => ({ problem, happening: { reason, ...named } })
  if (!user.is_active) return refused(noActiveAccount(), 'user_disabled')
  const endReason = session?.end_reason ?? 'expired'
  if (!isLive(session, now)) return refused(new TokenProblem('ended'), `session_ended: ${endReason}`)
  switch (standing(session, claims.jti, now, graceMs(core.config))) {
    case 'current':
      return (await rotate(core, origin, session)) ?? 'overtaken'
    case 'pending':
    case 'replaced':
      await noteIfElsewhere(core, origin, user, session)
      return grant(session)
    case 'reused':
      if (!isSteady) return refused(new TokenProblem('ended'), 'reuse_unsure')
      await endReused(core, origin, user, session)
      return refused(new TokenProblem('ended'), 'reuse_detected')
  }
}

/** Gives a session its next refresh token; the same one where they do not rotate. Resolves to undefined when it is not as it was read any more. */
async function rotate({ db, clock, config }: Core, origin: Origin, session: SessionState): Promise<Granted | undefined> {
  const now = clock()
  const { refreshRotation, refreshTokenTtlSeconds } = config
  const use = { id: session.id, ...lastUse(origin, now) }
  if (refreshRotation === 'off') {
    const isTouched = await db.write((handle) => touchSession(handle, use), { isSingle: true })
    return isTouched ? grant(session) : undefined
  }
  const refresh = newIdentity(now, refreshTokenTtlSeconds, toSeconds(session.expires_at))
  const chain = advance(session, refresh.jti, now, graceMs(config), refreshRotation === 'confirmed')
  const { pending_jti, replaced } = chain
  const rotation = { ...use, ...currentToken(refresh), pending_jti, replaced }
  const isRotated = await db.write((handle) => rotateSession(handle, rotation, session.refresh_jti), { isSingle: true })
  return isRotated ? grant({ ...session, ...rotation }) : undefined
}

async function endReused(core: Core, origin: Origin, user: Owner, session: SessionState): Promise<void> {
  await core.db.write(async (handle) => {
    await lockUser(handle, user.id)
    await endSessions(handle, user, { only: session.id }, endingNow(core, origin, 'reuse_detected'))
  })
}

function noActiveAccount(): Problem {
  return new Problem('no_active_account', 'No active account found for the given token.', { headers: challenge })
}
