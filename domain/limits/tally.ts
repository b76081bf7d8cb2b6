import type { Tally } from '../../db/schema.ts'
import { CLOCKS_DIFFER_MS } from '../clock.ts'

/** How many attempts may fail, and how long the next ones have to wait. Durations in milliseconds. */
export interface Rule {
  /** How many may fail before any has to wait. */
  readonly free: number
  /** How long failures are remembered: since the first of them, or since the last if the window slides. */
  readonly windowMs: number
  readonly slides: boolean
  /** How long after an attempt the next may come, after this number of failures. */
  delayMs(failures: number): number
  /** Whether those past the limit take turns, one in each such time, instead of waiting for the same instant. */
  readonly hasLane?: true
}

/** Waits that double with every failure past the free ones. */
export function doubling(free: number, firstMs: number, longestMs: number): Rule['delayMs'] {
  return (failures) => Math.min(firstMs * 2 ** (failures - free), longestMs)
}

/**
 * Whether an attempt may be made: `go`; `lane`, when its turn has come; `wait` for `waitMs`; or `busy`, when that depends on attempts whose
 * outcome is not known yet.
 */
export type Verdict = { readonly kind: 'go' | 'lane' } | { readonly kind: 'busy' } | { readonly kind: 'wait'; readonly waitMs: number }

/** @param now milliseconds since the epoch, as all instants here */
export function judge(tally: Tally | undefined, rule: Rule, now: number): Verdict {
  if (tally === undefined || !isLive(tally, now) || tally.count < rule.free || isFromFuture(tally, rule, now)) return { kind: 'go' }
  if (rule.hasLane && failures(tally, now) >= rule.free) return { kind: 'lane' }
  if (inFlight(tally, now) > 0) return { kind: 'busy' }
  // Never longer than the rule says: the process that wrote the row may have a clock that is a little ahead.
  const waitMs = Math.min(tally.next_at - now, tally.expires_at - now, rule.delayMs(tally.count))
  return waitMs > 0 ? { kind: 'wait', waitMs } : { kind: 'go' }
}

/** How long the outcome of an attempt is waited for. An attempt that takes longer counts as failed: its process has died. */
const IN_FLIGHT_MS = 60_000

/** The tally with one more attempt, which counts as failed until its outcome is known. */
export function reserve(tally: Tally, rule: Rule, now: number): Tally {
  const before = begun(tally, rule, now)
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

/** The tally that an attempt is added to: a new one where the old has run out. */
function begun(tally: Tally, rule: Rule, now: number): Tally {
  if (!isLive(tally, now)) return { ...tally, count: 0, in_flight: 0, since: now, expires_at: now + rule.windowMs }
  if (!isFromFuture(tally, rule, now)) return tally
  return { ...tally, since: Math.min(tally.since, now), expires_at: Math.min(tally.expires_at, now + rule.windowMs) }
}

/**
 * Whether a clock was far ahead when the tally was written, or ours is behind. Its times say nothing then, and would make people wait
 * until they come true. So one attempt is let through, which writes times of now; the count stays, so that nobody gains more than that.
 */
function isFromFuture({ since, next_at, count }: Tally, rule: Rule, now: number): boolean {
  return Math.max(since, next_at - rule.delayMs(count)) > now + CLOCKS_DIFFER_MS
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

/** How many attempts have failed for sure. */
export function failures(tally: Tally | undefined, now: number): number {
  return tally !== undefined && isLive(tally, now) ? tally.count - inFlight(tally, now) : 0
}

/** How many attempts are under way. */
export function inFlight(tally: Tally | undefined, now: number): number {
  if (tally === undefined || !isLive(tally, now)) return 0
  const leftMs = tally.in_flight_until - now
  return leftMs > 0 && leftMs <= IN_FLIGHT_MS + CLOCKS_DIFFER_MS ? tally.in_flight : 0
}
