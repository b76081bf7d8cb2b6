import type { Config } from '../../config.ts'
import type { LimitName } from './charging.ts'
import { doubling, type Rule } from './tally.ts'

/** The rule of each limit, from the settings. */
export function rulesOf(config: Config): Record<LimitName, Rule> {
  const failures = { windowMs: config.loginFailuresWindowSeconds * 1000, slides: false }
  const registrations = { windowMs: config.registrationsWindowSeconds * 1000, slides: false }
  const freeOfPair = config.loginFailuresPerPair
  const pairDelay = doubling(freeOfPair, config.loginFirstDelaySeconds * 1000, config.loginLongestDelaySeconds * 1000)
  return {
    pair: { ...failures, slides: true, free: freeOfPair, delayMs: pairDelay },
    // As long as the window: an address past its limit waits until the window ends.
    address: { ...failures, free: config.loginFailuresPerAddress, delayMs: () => failures.windowMs },
    // One login at a time goes on being let through: it may be the owner's, on a new device.
    account: { ...failures, free: config.loginFailuresPerAccount, delayMs: () => config.loginSlowLaneSeconds * 1000 },
    registrations: { ...registrations, free: config.registrationsPerAddress, delayMs: () => registrations.windowMs },
  }
}
