import type { Config } from '../../config.ts'
import type { LimitName } from './charging.ts'
import { doubling, type Rule } from './tally.ts'

/** The rule of each limit, from the settings. */
export function rulesOf(config: Config): Record<LimitName, Rule> {
  const failures = { windowMs: config.loginFailuresWindowSeconds * 1000, slides: false }
  const registrations = { windowMs: config.registrationsWindowSeconds * 1000, slides: false }
  const freeOfPair = config.loginFailuresPerPair
  const pairDelay = doubling(freeOfPair, config.loginFirstDelaySeconds * 1000, config.loginLongestDelaySeconds * 1000)
  const own = { ...failures, slides: true, free: freeOfPair, delayMs: pairDelay }
  // Past these, one login at a time goes on being let through: it may be the owner's, on a new device or from a shared address.
  const lane = { ...failures, hasLane: true, delayMs: () => config.loginSlowLaneSeconds * 1000 } as const
  return {
    pair: own,
    device: own,
    address: { ...lane, free: config.loginFailuresPerAddress },
    account: { ...lane, free: config.loginFailuresPerAccount },
    registrations: { ...registrations, free: config.registrationsPerAddress, delayMs: () => registrations.windowMs },
  }
}
