import type { Handle } from '../../db/database.ts'
import type { Tally } from '../../db/schema.ts'
import { findTally, lockTally, saveOutcome, saveTally } from '../../db/tallies.ts'
import { type Lane, promisedTurn, promiseTurn, returnTurn, useTurn } from './lane.ts'
import { failures, inFlight, judge, type Outcome, type Rule, reserve, settle, type Verdict } from './tally.ts'

export type LimitName = 'pair' | 'device' | 'address' | 'account' | 'registrations'

/** Who takes turns in the slow lane of a limit: a party, and who in it. */
export interface Turns {
  readonly party: string
  readonly member: string
  /** Whether those who have failed have a lane of their own, so that they do not hold up those who have not. */
  readonly isSplit: boolean
}

/** A limit that an attempt counts against. */
export interface Limit {
  readonly name: LimitName
  readonly key: string
  readonly rule: Rule
  /** Where the rule has a slow lane. */
  readonly turns?: Turns
}

/** An attempt that was counted. When the tally has begun anew since, its `since` is another, and the outcome no longer concerns it. */
export interface Charged {
  readonly limit: Limit
  readonly since: number
  /** Where it took its turn. */
  readonly lane?: Lane | undefined
}

/** Refused for `waitMs`; or `busy`, when that depends on attempts whose outcome is not known yet. */
export type Refused = Exclude<Verdict, { kind: 'go' | 'lane' }> & { readonly limit: Limit }

/** A limit and its tally. Of several the first is that of whoever attempts, whom the others may keep waiting. */
export interface Counted {
  readonly limit: Limit
  readonly tally: Tally | undefined
}

/** One whose tally is locked. */
interface Locked extends Counted {
  readonly tally: Tally
}

/** A slow lane that an attempt has met, and the limit that it belongs to. */
interface Met {
  readonly limit: Limit
  readonly lane: Lane
  /** Before it the limit lets nobody through. */
  readonly earliest: number
}

/** The limits and their tallies, which may change at any moment. */
export function readCounts(handle: Handle, limits: readonly Limit[]): Promise<Counted[]> {
  return Promise.all(limits.map(async (limit) => ({ limit, tally: await findTally(handle, limit.key) })))
}

/**
 * The limit that refuses an attempt, if one does, as far as that can be seen without counting the attempt or promising it a turn. `now` in
 * milliseconds since the epoch.
 */
export async function refusal(handle: Handle, counted: readonly Counted[], now: number): Promise<Refused | undefined> {
  return worst(counted, now) ?? beforeItsTurn(handle, counted, lanesOf(counted, now), now)
}

/**
 * Counts an attempt against all limits, or against none of them if one refuses it. Where it meets slow lanes it takes its turns, or is
 * promised them. Always give the limits in one order: they are locked one after the other.
 *
 * @param outcome where it is known already
 */
export async function charge(
  handle: Handle,
  limits: readonly Limit[],
  now: number,
  outcome?: Outcome,
): Promise<readonly Charged[] | Refused> {
  const counted = await lockAll(handle, limits)
  const met = lanesOf(counted, now)
  const refused = worst(counted, now) ?? (await beforeItsTurn(handle, counted, met, now)) ?? (await takeTurns(handle, met, now))
  if (refused) return refused
  const charged: Charged[] = []
  for (const { limit, tally } of counted) {
    const reserved = reserve(tally, limit.rule, now)
    await saveTally(handle, outcome === undefined ? reserved : settle(reserved, outcome, now))
    charged.push({ limit, since: reserved.since, lane: met.find((one) => one.limit === limit)?.lane })
  }
  return charged
}

/**
 * Locks what an attempt was counted against, before its outcome is counted.
 *
 * @returns counts the outcome, which may differ by the limit
 */
export async function dischargeIn(
  handle: Handle,
  charged: readonly Charged[],
): Promise<(outcomeOf: (limit: Limit) => Outcome, now: number) => Promise<void>> {
  const limits = charged.map(({ limit }) => limit)
  const locked = await lockAll(handle, limits)
  return async (outcomeOf, now) => {
    for (const [index, { limit, tally }] of locked.entries()) {
      const isTheSame = tally.since === charged[index]?.since
      await saveOutcome(handle, isTheSame ? settle(tally, outcomeOf(limit), now) : tally)
    }
  }
}

/** Undoes an attempt, as if it had not been made. */
export async function giveBack(handle: Handle, charged: readonly Charged[], now: number): Promise<void> {
  const discharge = await dischargeIn(handle, charged)
  await discharge(() => 'returned', now)
  for (const { lane } of charged) if (lane !== undefined) await returnTurn(handle, lane)
}

/** Each is one statement, so they go to the database together, in this order. */
function lockAll(handle: Handle, limits: readonly Limit[]): Promise<Locked[]> {
  return Promise.all(limits.map(async (limit) => ({ limit, tally: await lockTally(handle, limit.key) })))
}

/** How long to wait, as far as is known. */
export function waitMs(refused: Refused): number {
  return refused.kind === 'wait' ? refused.waitMs : 0
}

/** Of the limits that refuse an attempt whoever comes next, the one that does so longest. */
function worst(counted: readonly Counted[], now: number): Refused | undefined {
  const refusals = counted.flatMap(({ limit, tally }): Refused[] => {
    const verdict = judge(tally, limit.rule, now)
    return verdict.kind === 'busy' || verdict.kind === 'wait' ? [{ ...verdict, limit }] : []
  })
  return longest(refusals)
}

/** The slow lanes that an attempt meets. */
function lanesOf(counted: readonly Counted[], now: number): Met[] {
  const hasFailed = failures(counted[0]?.tally, now) > 0
  return counted.flatMap(({ limit, tally }): Met[] => {
    const { rule, turns, key } = limit
    if (turns === undefined || tally === undefined || judge(tally, rule, now).kind !== 'lane') return []
    const name = turns.isSplit && hasFailed ? `${key} again` : key
    const lane = { lane: name, party: turns.party, member: turns.member, intervalMs: rule.delayMs(tally.count) }
    return [{ limit, lane, earliest: tally.next_at }]
  })
}

/** Whether an attempt comes before a turn that it was promised. Of several at once, the others wait for the outcome of the first. */
async function beforeItsTurn(handle: Handle, counted: readonly Counted[], met: readonly Met[], now: number): Promise<Refused | undefined> {
  const refusals: (Refused | undefined)[] = []
  for (const { limit, lane } of met) {
    const turn = await promisedTurn(handle, lane, now)
    if (turn !== 0) refusals.push(turn === undefined ? undefined : { kind: 'wait', waitMs: turn, limit })
  }
  const own = counted[0] as Counted
  if (refusals.length > 0 && inFlight(own.tally, now) > 0) return { kind: 'busy', limit: own.limit }
  return refusals.includes(undefined) ? undefined : longest(refusals as Refused[])
}

/** Takes the turns of an attempt in all lanes. When one has not come yet, all are promised, and none is taken. */
async function takeTurns(handle: Handle, met: readonly Met[], now: number): Promise<Refused | undefined> {
  const refusals: Refused[] = []
  for (const { limit, lane, earliest } of met) {
    const turn = await promiseTurn(handle, lane, now, earliest)
    if (turn > 0) refusals.push({ kind: 'wait', waitMs: turn, limit })
  }
  if (refusals.length === 0) for (const { lane } of met) await useTurn(handle, lane, now)
  return longest(refusals)
}

function longest(refusals: readonly Refused[]): Refused | undefined {
  return refusals.toSorted((a, b) => waitMs(b) - waitMs(a))[0]
}
