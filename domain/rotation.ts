import type { Session } from '../db/schema.ts'

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
 * - `replaced`: its successor came at most the grace ago: a second tab, a lost answer, a late duplicate;
 * - `reused`: longer ago, or never heard of: theft or a broken client (RFC 9700 §4.14.2).
 */
export type Standing = 'current' | 'replaced' | 'reused'

type Chain = Pick<Session, 'refresh_jti' | 'replaced'>

/** @param now and @param graceMs in milliseconds; a grace of 0 knows no `replaced` */
export function standing(session: Chain, jti: string, now: number, graceMs: number): Standing {
  if (jti === session.refresh_jti) return 'current'
  const replaced = remembered(session).find((token) => token.jti === jti)
  return replaced !== undefined && isWithinGrace(replaced, now, graceMs) ? 'replaced' : 'reused'
}

/** The chain's memory after its current token was replaced at `now`. What is past the grace need not be kept. */
export function remember(session: Chain, now: number, graceMs: number): string {
  const all = [...remembered(session), { jti: session.refresh_jti, at: now }]
  return JSON.stringify(all.filter((token) => isWithinGrace(token, now, graceMs)).slice(-REMEMBERED_LIMIT))
}

/** The memory of a chain of one. */
export const nothingReplaced = '[]'

function remembered(session: Chain): Replaced[] {
  return JSON.parse(session.replaced)
}

function isWithinGrace({ at }: Replaced, now: number, graceMs: number): boolean {
  return graceMs > 0 && now - at <= graceMs
}
