import type { Tally } from '../../db/schema.ts'

/** How many attempts may fail, and how long one waits then. Durations in milliseconds. */
export interface Rule {
  /** So many may fail before any has to wait. */
  readonly free: number
  /** How long they are remembered: since the first of them, or since the last if it slides. */
  readonly windowMs: number
  readonly slides: boolean
  /** How long after an attempt the next may come, when so many have failed. */
  delayMs(failures: number): number
}

/** Waits that double with every failure past the free ones. */
export function doubling(free: number, firstMs: number, longestMs: number): Rule['delayMs'] {
  return (failures) => Math.min(firstMs * 2 ** (failures - free), longestMs)
}

/**
 * Whether an attempt may be made: `go`, or not before `retryAt`, or it is not to be told yet, because others are under
 * way that count only if they fail.
 */
export type Verdict = { readonly kind: 'go' | 'busy' } | { readonly kind: 'wait'; readonly retryAt: number }

/** @param now milliseconds since the epoch, as all instants here */
export function judge(tally: Tally | undefined, rule: Rule, now: number): Verdict {
  if (tally === undefined || !isLive(tally, now) || tally.count < rule.free) return { kind: 'go' }
  if (inFlight(tally, now) > 0) return { kind: 'busy' }
  const retryAt = Math.min(tally.next_at, tally.expires_at)
  return retryAt > now ? { kind: 'wait', retryAt } : { kind: 'go' }
}

/**
 * How long the outcome of an attempt is waited for. Longer than one takes: then its process has died, and it counts as
 * failed.
 */
const IN_FLIGHT_MS = 60_000

/** The tally with one more attempt: it counts as failed until it turns out to be something else. */
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
 * What became of an attempt: it failed; or it was none, and is given back; or it succeeded in such a way that all that
 * failed before is forgiven.
 */
export type Outcome = 'failed' | 'returned' | 'forgiven'

/** The tally once the outcome of a reserved attempt is known. */
export function settle(tally: Tally, outcome: Outcome, now: number): Tally {
  const in_flight = Math.max(0, inFlight(tally, now) - 1)
  if (outcome === 'failed') return { ...tally, in_flight }
  // Others that are under way still count. Who came past a limit had waited, and what is given back has not to be waited for.
  const count = outcome === 'forgiven' ? in_flight : Math.max(0, tally.count - 1)
  return { ...tally, count, in_flight, next_at: 0 }
}

function isLive(tally: Tally, now: number): boolean {
  return tally.expires_at > now
}

function inFlight(tally: Tally, now: number): number {
  return tally.in_flight_until > now ? tally.in_flight : 0
}
