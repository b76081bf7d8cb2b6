import type { Session } from '../../db/schema.ts'

/** A refresh token that was replaced by its successor, and when, in milliseconds since the epoch. */
interface Replaced {
  readonly jti: string
  readonly at: number
}

/** At most so many replaced tokens of a session are remembered; one that is forgotten counts as replaced long ago. */
const REMEMBERED_LIMIT = 50

/**
 * Where a refresh token stands in the chain of its session:
 * - `current`: it may be rotated;
 * - `pending`: its successor has not been seen here yet, so it does not count as replaced (`REFRESH_ROTATION=confirmed`);
 * - `replaced`: its successor came at most the grace ago: a second tab, a lost answer, a late duplicate;
 * - `reused`: longer ago, or never heard of: theft or a broken client (RFC 9700 §4.14.2).
 */
export type Standing = 'current' | 'pending' | 'replaced' | 'reused'

/** What a session knows of its refresh tokens. */
export type Chain = Pick<Session, 'refresh_jti' | 'pending_jti' | 'replaced'>

/** @param now and @param graceMs in milliseconds; a grace of 0 knows no `replaced` */
export function standing(chain: Chain, jti: string, now: number, graceMs: number): Standing {
  if (jti === chain.refresh_jti) return 'current'
  if (jti === chain.pending_jti) return 'pending'
  const replaced = remembered(chain).find((token) => token.jti === jti)
  return replaced !== undefined && isWithinGrace(replaced, now, graceMs) ? 'replaced' : 'reused'
}

/** The chain after `jti` followed its current token at `now`; which stays pending when the client must confirm. */
export function advance(chain: Chain, jti: string, now: number, graceMs: number, mustConfirm: boolean): Chain {
  const seen = settle(chain, now, graceMs)
  if (mustConfirm) return { ...seen, refresh_jti: jti, pending_jti: chain.refresh_jti }
  return { refresh_jti: jti, pending_jti: null, replaced: remember(seen, chain.refresh_jti, now, graceMs) }
}

/** The chain after its current token, or an access token handed out with it, was seen at `now`: what was pending is replaced. */
export function settle(chain: Chain, now: number, graceMs: number): Chain {
  if (chain.pending_jti === null) return chain
  return { ...chain, pending_jti: null, replaced: remember(chain, chain.pending_jti, now, graceMs) }
}

/** The memory of a chain of one. */
export const nothingReplaced = '[]'

/** What is past the grace need not be kept: it counts as forgotten. */
function remember(chain: Chain, jti: string, now: number, graceMs: number): string {
  const all = [...remembered(chain), { jti, at: now }]
  return JSON.stringify(all.filter((token) => isWithinGrace(token, now, graceMs)).slice(-REMEMBERED_LIMIT))
}

function remembered(chain: Chain): Replaced[] {
  return JSON.parse(chain.replaced)
}

function isWithinGrace({ at }: Replaced, now: number, graceMs: number): boolean {
  return graceMs > 0 && now - at <= graceMs
}
