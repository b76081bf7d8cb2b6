import type { LimitName } from './charging.ts'
import { doubling, type Rule } from './tally.ts'

export interface LimitSettings {
  readonly limits: 'on' | 'off'
  readonly loginFailuresPerPair: number
  readonly loginFirstDelaySeconds: number
  readonly loginLongestDelaySeconds: number
  readonly loginFailuresPerAddress: number
  readonly loginFailuresPerAccount: number
  readonly loginSlowLaneSeconds: number
  readonly loginFailuresWindowSeconds: number
  readonly knownAddressesPerUser: number
  readonly registrationsPerAddress: number
  readonly registrationsWindowSeconds: number
}

/** What the settings say, limit by limit. */
export function rulesOf(config: LimitSettings): Record<LimitName, Rule> {
  const failures = { windowMs: config.loginFailuresWindowSeconds * 1000, slides: false }
  const registrations = { windowMs: config.registrationsWindowSeconds * 1000, slides: false }
  const freeOfPair = config.loginFailuresPerPair
  const pairDelay = doubling(freeOfPair, config.loginFirstDelaySeconds * 1000, config.loginLongestDelaySeconds * 1000)
  return {
    pair: { ...failures, slides: true, free: freeOfPair, delayMs: pairDelay },
    // Closed until its window ends, which is never later than this delay.
    address: { ...failures, free: config.loginFailuresPerAddress, delayMs: () => failures.windowMs },
    // Slow, never closed: the owner may be on a new device.
    account: { ...failures, free: config.loginFailuresPerAccount, delayMs: () => config.loginSlowLaneSeconds * 1000 },
    registrations: { ...registrations, free: config.registrationsPerAddress, delayMs: () => registrations.windowMs },
  }
}
