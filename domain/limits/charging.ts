import { hash } from 'node:crypto'
import type { Handle } from '../../db/database.ts'
import type { Tally } from '../../db/schema.ts'
import { findTally, lockTally, saveOutcome, saveTally } from '../../db/tallies.ts'
import { judge, type Outcome, type Rule, reserve, settle, type Verdict } from './tally.ts'

export type LimitName = 'pair' | 'address' | 'account' | 'registrations'

/** A limit that an attempt counts against. */
export interface Limit {
  readonly name: LimitName
  readonly key: string
  readonly rule: Rule
}

/** @param of what is limited. It is hashed, so that the database does not keep names, which may be mistyped passwords */
export function limitOf(name: LimitName, rule: Rule, ...of: string[]): Limit {
  return { name, rule, key: hash('sha256', JSON.stringify([name, ...of]), 'base64url') }
}

/** An attempt that was counted. When the tally has begun anew since, its `since` is another, and the outcome no longer concerns it. */
export interface Charged {
  readonly limit: Limit
  readonly since: number
}

export type Refused = Exclude<Verdict, { kind: 'go' }> & { readonly limit: Limit }

/** The limit that refuses an attempt, if one does, without counting it. `now` in milliseconds since the epoch. */
export async function refusal(handle: Handle, limits: readonly Limit[], now: number): Promise<Refused | undefined> {
  const tallies: (Tally | undefined)[] = []
  for (const { key } of limits) tallies.push(await findTally(handle, key))
  return worst(limits, tallies, now)
}

/** Counts an attempt against all limits, or against none of them if one refuses it. Always give them in one order: they are locked one after the other. */
export async function charge(handle: Handle, limits: readonly Limit[], now: number): Promise<readonly Charged[] | Refused> {
  const tallies: Tally[] = []
  for (const { key } of limits) tallies.push(await lockTally(handle, key))
  const refused = worst(limits, tallies, now)
  if (refused) return refused
  const reserved = limits.map(({ rule }, i) => reserve(tallies[i] as Tally, rule, now))
  for (const tally of reserved) await saveTally(handle, tally)
  return limits.map((limit, i) => ({ limit, since: (reserved[i] as Tally).since }))
}

/** Counts the outcome of an attempt against one limit. */
export async function discharge(handle: Handle, { limit, since }: Charged, outcome: Outcome, now: number): Promise<void> {
  const tally = await lockTally(handle, limit.key)
  await saveOutcome(handle, tally.since === since ? settle(tally, outcome, now) : tally)
}

/** How long to wait, as far as is known. */
export function waitMs(refused: Refused): number {
  return refused.kind === 'wait' ? refused.waitMs : 0
}

/** Of the limits that refuse an attempt, the one that does so longest. */
function worst(limits: readonly Limit[], tallies: readonly (Tally | undefined)[], now: number): Refused | undefined {
  const refusals = limits.flatMap((limit, i): Refused[] => {
    const verdict = judge(tallies[i], limit.rule, now)
    return verdict.kind === 'go' ? [] : [{ ...verdict, limit }]
  })
  return refusals.sort((a, b) => waitMs(b) - waitMs(a))[0]
}
