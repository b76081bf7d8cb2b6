import type { Session } from '../../db/schema.ts'
import type { SessionState } from '../../db/sessions.ts'
import { toSeconds } from '../clock.ts'
import type { Core } from '../context.ts'
import { clientOf, type Origin } from '../events/record.ts'
import { accompany, newIdentity, type TokenIdentity } from '../tokens/identity.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { sidOf } from './sid.ts'

export interface TokenPair {
  readonly refresh: string
  readonly access: string
}

/** What a transaction grants: the tokens are signed after its commit, so that no write waits for a signature. */
export interface Granted {
  readonly userId: number
  readonly sid: string
  /** Milliseconds since the epoch. */
  readonly sessionExpiresAt: number
  readonly refresh: TokenIdentity
}

/** The current refresh token of a session. */
export function grant(session: SessionState): Granted {
  return {
    userId: session.user_id,
    sid: sidOf(session),
    sessionExpiresAt: session.expires_at,
    refresh: { jti: session.refresh_jti, iat: session.refresh_iat, exp: session.refresh_exp },
  }
}

/** Signs the refresh token that was granted, and a new access token. */
export function signPair(core: Core & { readonly tokens: Tokens }, granted: Granted): TokenPair {
  return { refresh: core.tokens.issue('refresh', granted, granted.refresh), access: signAccess(core, granted) }
}

/** Signs a new access token that goes with the refresh token. */
export function signAccess({ tokens, config, clock }: Core & { readonly tokens: Tokens }, granted: Granted): string {
  const access = newIdentity(clock(), config.accessTokenTtlSeconds, toSeconds(granted.sessionExpiresAt))
  return tokens.issue('access', granted, accompany(granted.refresh.jti, access))
}

/** The columns that say when and from where a session was used last. */
export function lastUse(origin: Origin, now: number): Pick<Session, 'refreshed_at' | 'address' | 'client'> {
  return { refreshed_at: now, address: origin.address ?? '', client: clientOf(origin) ?? '' }
}

/** The columns of a session's current refresh token. */
export function currentToken({ jti, iat, exp }: TokenIdentity): Pick<Session, 'refresh_jti' | 'refresh_iat' | 'refresh_exp'> {
  return { refresh_jti: jti, refresh_iat: iat, refresh_exp: exp }
}
