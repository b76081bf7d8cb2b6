import { hash, randomUUID } from 'node:crypto'
import { toSeconds } from '../clock.ts'

/** What a token is told apart by, and how long it lives: enough to sign it again. Times are seconds. */
export interface TokenIdentity {
  /** 32 lower-case hexadecimal digits of a random UUID, as Simple JWT makes them. */
  readonly jti: string
  readonly iat: number
  readonly exp: number
}

/** A new token's. It expires after `ttlSeconds`, but not after `latestExp`. */
export function newIdentity(nowMs: number, ttlSeconds: number, latestExp: number): TokenIdentity {
  const iat = toSeconds(nowMs)
  return { jti: randomUUID().replaceAll('-', ''), iat, exp: Math.min(iat + ttlSeconds, latestExp) }
}

/** Before the digit that tells a UUID's version: 48 bits, and 74 random ones are left. */
const MARK_LENGTH = 12

/** An access token's that tells, by the first digits of its `jti`, with which refresh token it was handed out. */
export function accompany(refreshJti: string, identity: TokenIdentity): TokenIdentity {
  return { ...identity, jti: markOf(refreshJti) + identity.jti.slice(MARK_LENGTH) }
}

/** Whether an access token was handed out with a refresh token. */
export function accompanies(accessJti: string, refreshJti: string): boolean {
  return accessJti.startsWith(markOf(refreshJti))
}

function markOf(refreshJti: string): string {
  return hash('sha256', refreshJti, 'hex').slice(0, MARK_LENGTH)
}
