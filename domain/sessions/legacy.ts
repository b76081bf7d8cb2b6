import { timingSafeEqual } from 'node:crypto'
import type { Handle } from '../../db/database.ts'
import { findLegacyToken, giveSession, insertLegacyToken } from '../../db/legacy-tokens.ts'
import type { LegacyToken, User } from '../../db/schema.ts'
import { findUserAndSession, type SessionState } from '../../db/sessions.ts'
import { lockUser } from '../../db/turns.ts'
import { findUserById } from '../../db/users.ts'
import type { Core } from '../context.ts'
import type { Origin } from '../events/record.ts'
import type { Claims } from '../tokens/claims.ts'
import type { LegacyClaims } from '../tokens/legacy.ts'
import { endingNow, endSessions } from './ends.ts'
import { parseSid, sidOf } from './sid.ts'
import { findRoom, startSession } from './start.ts'

// What becomes of legacy tokens. A refresh token becomes a session at its first use, once. An access token has none. Either is dead when it, or all
// tokens of its user, were revoked.

/** A legacy token, by what is known of it here. */
export interface KnownLegacy {
  /** Whose it is: an imported user. */
  readonly user: User
  /** The session that it has become. */
  readonly session: SessionState | undefined
  readonly isDead: boolean
}

/** @returns undefined where there is no such user, or none that was imported: another one may have been given the id of a user of the other system */
export async function findLegacy(handle: Handle, claims: LegacyClaims): Promise<KnownLegacy | undefined> {
  const [user, token] = await Promise.all([findUserById(handle, claims.user_id), findLegacyToken(handle, claims.jti)])
  if (user === undefined || user.imported_at === null) return undefined
  const sessionId = token?.user_id === user.id && claims.token_type === 'refresh' ? token.session_id : null
  const session = sessionId === null ? undefined : (await findUserAndSession(handle, user.id, sessionId))?.session
  const isUsable = token === undefined ? !wasRevoked(claims, user) : session !== undefined
  return { user, session, isDead: !isUsable || !isOfPassword(claims, user) }
}

/**
 * Whether all tokens of the user were revoked after this one was issued. Its `iat` is cut to seconds: one of the very second of the revocation
 * may have been issued before it, and is dead.
 */
function wasRevoked({ iat }: LegacyClaims, { tokens_revoked_at }: User): boolean {
  return tokens_revoked_at !== null && iat * 1000 <= tokens_revoked_at
}

/** Whether a token that names the password it was issued for names the one that was imported. */
function isOfPassword({ hash_password: named }: LegacyClaims, { imported_hash_md5: imported }: User): boolean {
  if (named === undefined) return true
  if (typeof named !== 'string' || imported === null) return false
  const [one, other] = [Buffer.from(named), Buffer.from(imported)]
  return one.length === other.length && timingSafeEqual(one, other)
}

/** What a refresh needs to know of the refresh token that it is asked with. */
export type RefreshClaims = Pick<Claims, 'user_id' | 'sid' | 'jti'>

/** Why a legacy token is refused, and whose it is, where that is an imported user. */
export interface LegacyRefusal {
  readonly refusal: 'user_deleted' | 'user_disabled' | 'revoked'
  readonly user?: User
}

/** The session that a legacy refresh token is, or becomes now. */
export async function sessionOfLegacy(core: Core, origin: Origin, claims: LegacyClaims): Promise<RefreshClaims | LegacyRefusal> {
  for (;;) {
    const known = decide(claims, await findLegacy(core.db.read, claims))
    if (known !== undefined) return known
    // A client that asks many times at once would else keep all connections waiting for the lock of its user.
    const begun = await core.db.write((handle) => begin(handle, core, origin, claims), { line: `legacy ${claims.user_id}` })
    if (begun !== 'taken') return begun
  }
}

/** @returns undefined for a token that is still to become a session */
function decide(claims: LegacyClaims, found: KnownLegacy | undefined): RefreshClaims | LegacyRefusal | undefined {
  if (found === undefined) return { refusal: 'user_deleted' }
  const { user, session, isDead } = found
  if (!user.is_active) return { refusal: 'user_disabled', user }
  if (isDead) return { refusal: 'revoked', user }
  return session && { user_id: user.id, sid: sidOf(session), jti: chainedJti(claims) }
}

/** @returns `taken` when another token of the same `jti` came first */
async function begin(handle: Handle, core: Core, origin: Origin, claims: LegacyClaims): Promise<RefreshClaims | LegacyRefusal | 'taken'> {
  await lockUser(handle, claims.user_id)
  const [found, room] = await Promise.all([findLegacy(handle, claims), findRoom(handle, core, claims.user_id)])
  const decided = decide(claims, found)
  if (decided !== undefined) return decided
  const { user } = found as KnownLegacy
  // First, for of two with the same `jti` and different users one must not begin.
  if (!(await insertLegacyToken(handle, deadToken(claims)))) return 'taken'
  const { iat, exp } = claims
  const first = { reason: 'legacy_token', refresh: { jti: chainedJti(claims), iat, exp } } as const
  const { sid } = await startSession(handle, core, origin, user, room, first)
  await giveSession(handle, claims.jti, parseSid(sid)?.id as number)
  return { user_id: user.id, sid, jti: first.refresh.jti }
}

/** As the chain of a session has it, where spaces and `@` separate. The same text for what Simple JWT makes. */
export function chainedJti({ jti }: LegacyClaims): string {
  return encodeURIComponent(jti)
}

function deadToken({ jti, user_id, exp }: LegacyClaims): Omit<LegacyToken, 'session_id'> {
  return { jti, user_id, expires_at: exp * 1000 }
}

/**
 * Revokes a legacy token: the session that it has become ends; one that has become none is dead from now on.
 *
 * @returns false when it was dead, or its session has ended before
 */
export async function revokeLegacy(core: Core, origin: Origin, claims: LegacyClaims): Promise<boolean> {
  if (!canBeRevoked(core, claims, await findLegacy(core.db.read, claims))) return false
  return core.db.write(async (handle) => {
    await lockUser(handle, claims.user_id)
    const found = await findLegacy(handle, claims)
    if (!canBeRevoked(core, claims, found)) return false
    const { user, session } = found
    if (session === undefined) return insertLegacyToken(handle, deadToken(claims))
    return (await endSessions(handle, user, { only: session.id }, endingNow(core, origin, 'logout'))) > 0
  })
}

/** One that has expired and become no session is as good as revoked. */
function canBeRevoked({ clock }: Core, { exp }: LegacyClaims, found: KnownLegacy | undefined): found is KnownLegacy {
  if (found === undefined || found.isDead) return false
  return found.session === undefined ? exp * 1000 > clock() : found.session.ended_at === null
}
