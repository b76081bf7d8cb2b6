import type { Tally } from '../../db/schema.ts'

/** How many attempts may fail, and how long the next ones have to wait. Durations in milliseconds. */
export interface Rule {
  /** How many may fail before any has to wait. */
  readonly free: number
  /** How long failures are remembered: since the first of them, or since the last if the window slides. */
  readonly windowMs: number
  readonly slides: boolean
  /** How long after an attempt the next may come, after this number of failures. */
  delayMs(failures: number): number
}

/** Waits that double with every failure past the free ones. */
export function doubling(free: number, firstMs: number, longestMs: number): Rule['delayMs'] {
  return (failures) => Math.min(firstMs * 2 ** (failures - free), longestMs)
}

/**
 * Whether an attempt may be made: `go`; `wait` until `retryAt`; or `busy`, when that depends on attempts whose outcome is not
 * known yet.
 */
export type Verdict = { readonly kind: 'go' | 'busy' } | { readonly kind: 'wait'; readonly retryAt: number }

/** @param now milliseconds since the epoch, as all instants here */
export function judge(tally: Tally | undefined, rule: Rule, now: number): Verdict {
  if (tally === undefined || !isLive(tally, now) || tally.count < rule.free) return { kind: 'go' }
  if (inFlight(tally, now) > 0) return { kind: 'busy' }
  const retryAt = Math.min(tally.next_at, tally.expires_at)
  return retryAt > now ? { kind: 'wait', retryAt } : { kind: 'go' }
}

/** How long the outcome of an attempt is waited for. An attempt that takes longer counts as failed: its process has died. */
const IN_FLIGHT_MS = 60_000

/** The tally with one more attempt, which counts as failed until its outcome is known. */
export function reserve(tally: Tally, rule: Rule, now: number): Tally {
  const before = isLive(tally, now) ? tally : { ...tally, count: 0, in_flight: 0, since: now, expires_at: now + rule.windowMs }
  const count = before.count + 1
  const nextAt = count < rule.free ? 0 : now + rule.delayMs(count)
  return {
    ...before,
    count,
    in_flight: inFlight(before, now) + 1,
    in_flight_until: now + IN_FLIGHT_MS,
    next_at: nextAt,
    expires_at: rule.slides ? Math.max(now, nextAt) + rule.windowMs : before.expires_at,
  }
}

/**
 * What became of an attempt: it `failed`; it is `returned`, as if it had not been made; or it succeeded, and all failures
 * before it are `forgiven`.
 */
export type Outcome = 'failed' | 'returned' | 'forgiven'

/** The tally once the outcome of a reserved attempt is known. */
export function settle(tally: Tally, outcome: Outcome, now: number): Tally {
  const in_flight = Math.max(0, inFlight(tally, now) - 1)
  if (outcome === 'failed') return { ...tally, in_flight }
  // Attempts that are under way still count. What is not a failure delays nobody, so the next may come at once.
  const count = outcome === 'forgiven' ? in_flight : Math.max(0, tally.count - 1)
  return { ...tally, count, in_flight, next_at: 0 }
}

function isLive(tally: Tally, now: number): boolean {
  return tally.expires_at > now
}

function inFlight(tally: Tally, now: number): number {
  return tally.in_flight_until > now ? tally.in_flight : 0
}
