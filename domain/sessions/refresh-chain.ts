import type { Config } from '../../config.ts'
import type { Session } from '../../db/schema.ts'
import { CLOCKS_DIFFER_MS } from '../clock.ts'

/** A refresh token that was replaced by its successor, and when, in milliseconds since the epoch. */
interface Replaced {
  readonly jti: string
  readonly at: number
}

/** Replaced tokens that a session remembers. One that is forgotten counts as replaced longer ago than the grace. */
const REMEMBERED_LIMIT = 50

/**
 * Where a refresh token stands in the chain of its session:
 * - `current`: it may be rotated;
 * - `pending`: its successor has not been seen here yet, so it does not count as replaced (`REFRESH_ROTATION=confirmed`);
 * - `replaced`: it was replaced within the grace: a second tab, a lost answer, a late duplicate;
 * - `reused`: it was replaced before that, or is unknown: theft or a broken client (RFC 9700 §4.14.2).
 */
export type Standing = 'current' | 'pending' | 'replaced' | 'reused'

/** The columns in which a session keeps the chain of its refresh tokens. */
export type Chain = Pick<Session, 'refresh_jti' | 'pending_jti' | 'replaced'>

export function graceMs({ refreshReuseGraceSeconds }: Config): number {
  return refreshReuseGraceSeconds * 1000
}

/** Times in milliseconds, as in all functions here. With a grace of 0 no token is `replaced`. */
export function standing(chain: Chain, jti: string, now: number, graceMs: number): Standing {
  if (jti === chain.refresh_jti) return 'current'
  if (jti === chain.pending_jti) return 'pending'
  const replaced = remembered(chain).find((token) => token.jti === jti)
  return replaced !== undefined && isWithinGrace(replaced, now, graceMs) ? 'replaced' : 'reused'
}

/** The chain after `jti` has replaced its current token; that one stays pending when the client must confirm. */
export function advance(chain: Chain, jti: string, now: number, graceMs: number, mustConfirm: boolean): Chain {
  const seen = settle(chain, now, graceMs)
  if (mustConfirm) return { ...seen, refresh_jti: jti, pending_jti: chain.refresh_jti }
  return { refresh_jti: jti, pending_jti: null, replaced: remember(seen, chain.refresh_jti, now, graceMs) }
}

/** The chain after a client has shown its current token, or the access token issued with it: what was pending is replaced. */
export function settle(chain: Chain, now: number, graceMs: number): Chain {
  if (chain.pending_jti === null) return chain
  return { ...chain, pending_jti: null, replaced: remember(chain, chain.pending_jti, now, graceMs) }
}

/** `replaced` of a new session. */
export const nothingReplaced = ''

/** Tokens past the grace are dropped: to forget them changes no answer. */
function remember(chain: Chain, jti: string, now: number, graceMs: number): string {
  const all = [...remembered(chain), { jti, at: now }]
  const kept = all.filter((token) => isWithinGrace(token, now, graceMs)).slice(-REMEMBERED_LIMIT)
  return kept.map((token) => `${token.jti}@${token.at}`).join(' ')
}

function remembered({ replaced }: Pick<Chain, 'replaced'>): Replaced[] {
  return replaced === nothingReplaced ? [] : replaced.split(' ').map(toReplaced)
}

function toReplaced(word: string): Replaced {
  const end = word.indexOf('@')
  return { jti: word.slice(0, end), at: Number(word.slice(end + 1)) }
}

/** One that was replaced in the future is not: the clock was wrong then, and the grace would last until that day. */
function isWithinGrace({ at }: Replaced, now: number, graceMs: number): boolean {
  return graceMs > 0 && now - at <= graceMs && at - now <= CLOCKS_DIFFER_MS
}
