import type { Config } from '../../config.ts'
import { sharesOf } from '../address.ts'
import type { Origin } from '../events/record.ts'
import type { KeyedHash } from '../keyed-hash.ts'
import { composed } from '../names.ts'
import type { Limit, LimitName } from './charging.ts'
import { networkFrom } from './known-networks.ts'
import { doubling, type Rule } from './tally.ts'

/** Whose password is tried. */
export interface Claimant {
  /** The user's, or as it was sent when there is no such user. It counts in NFC, so that no other form of a name has further tries. */
  readonly username: string
  /** The `sid` of a session that the user once had, when the attempt shows a token of it: see `deviceOf`. */
  readonly device?: string | undefined
}

/** Which limits hold for whom, by the settings. */
export class Rules {
  readonly #rules: Record<LimitName, Rule>
  readonly #keyedHash: KeyedHash

  constructor(config: Config, keyedHash: KeyedHash) {
    this.#rules = rulesOf(config)
    this.#keyedHash = keyedHash
  }

  ofRegistration(origin: Origin): Limit[] {
    return [this.#limit('registrations', networkFrom(origin))]
  }

  /**
   * With a token of the user's, only the failures that came with tokens of the same session count; from an address where the user is known,
   * only those of this name from there. Neither those for the name from elsewhere, which would lock the user out, nor those of others
   * from the same address, which many may share.
   */
  ofAttempt(origin: Origin, { username, device }: Claimant, isKnown: boolean): Limit[] {
    if (device !== undefined) return [this.#limit('device', device)]
    const network = networkFrom(origin)
    const name = composed(username)
    const own = this.#limit('pair', name, network)
    if (isKnown) return [own]
    const [party, member] = sharesOf(origin.address)
    return [
      own,
      { ...this.#limit('address', network), turns: { party: own.key, member: '', isSplit: true } },
      { ...this.#limit('account', name), turns: { party, member, isSplit: false } },
    ]
  }

  /** @param of what is limited. It is hashed, so that the database does not keep names, which may be mistyped passwords */
  #limit(name: LimitName, ...of: string[]): Limit {
    return { name, rule: this.#rules[name], key: this.#keyedHash.hash(JSON.stringify([name, ...of])) }
  }
}

function rulesOf(config: Config): Record<LimitName, Rule> {
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
