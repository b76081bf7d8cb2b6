import { hash, randomUUID } from 'node:crypto'
import { toSeconds } from '../clock.ts'

/** The claims that differ from token to token: with them the same token can be signed again. Times are seconds since the epoch. */
export interface TokenIdentity {
  /** 32 lower-case hexadecimal digits of a random UUID, as Simple JWT makes them. */
  readonly jti: string
  readonly iat: number
  readonly exp: number
}

/** The identity of a new token. It expires after `ttlSeconds`, but not after `latestExp`, in seconds since the epoch. */
export function newIdentity(nowMs: number, ttlSeconds: number, latestExp: number): TokenIdentity {
  const iat = toSeconds(nowMs)
  return { jti: randomUUID().replaceAll('-', ''), iat, exp: Math.min(iat + ttlSeconds, latestExp) }
}

/** In hexadecimal digits: 48 bits. It ends before the digit of a UUID's version, and leaves 74 random bits. */
const MARK_LENGTH = 12

/**
 * The identity of an access token that is issued together with a refresh token: its `jti` begins with a mark of that one.
 * With `REFRESH_ROTATION=confirmed`, a client that shows such an access token has received the refresh token too.
 */
export function accompany(refreshJti: string, identity: TokenIdentity): TokenIdentity {
  return { ...identity, jti: markOf(refreshJti) + identity.jti.slice(MARK_LENGTH) }
}

/** Whether an access token was issued together with a refresh token. */
export function accompanies(accessJti: string, refreshJti: string): boolean {
  return accessJti.startsWith(markOf(refreshJti))
}

function markOf(refreshJti: string): string {
  return hash('sha256', refreshJti, 'hex').slice(0, MARK_LENGTH)
}
