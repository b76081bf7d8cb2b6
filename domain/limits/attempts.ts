import type { Database, Handle } from '../../db/database.ts'
import { isKnownAddress, rememberAddress, trimKnownAddresses } from '../../db/known-addresses.ts'
import type { User } from '../../db/schema.ts'
import { networkOf } from '../address.ts'
import type { Clock } from '../clock.ts'
import { throttled } from '../errors.ts'
import type { Origin, Refusals } from '../events/record.ts'
import { isStorable } from '../text.ts'
import { type Charged, charge, discharge, type Limit, limitOf, type Refused, refusal } from './charging.ts'
import { type LimitSettings, rulesOf } from './rules.ts'
import type { Outcome } from './tally.ts'
import { WaitingLines } from './waiting-lines.ts'

export interface LimitsContext {
  readonly db: Database
  readonly clock: Clock
  readonly refusals: Refusals
  readonly config: LimitSettings
}

/** A power cut forgives some failures: no reason to wait for the disk at each. */
const soon = { isDurable: false }

/** What an attempt was counted against. */
interface Reservation {
  readonly network: string
  readonly isKnown: boolean
  readonly charged: readonly Charged[]
}

/**
 * Limits on guessing passwords and on registering, counted in the database: they hold over processes and restarts. What
 * is asked too often is refused before it costs a hash, and counts no further.
 *
 * Names count by what was told, whether there is such a user or not. Only whoever shares an address with a user can find
 * out that the user has logged in from it: its own allowance is what saves the user from others.
 */
export class Limits {
  readonly #context: LimitsContext
  readonly #rules: ReturnType<typeof rulesOf>
  readonly #lines = new WaitingLines()

  constructor(context: LimitsContext) {
    this.#context = context
    this.#rules = rulesOf(context.config)
  }

  /**
   * Compares a password, if that may be done now. The attempt counts as failed before it begins, so that as many as come
   * at once cost as many; one that succeeds is given back.
   *
   * @param compare resolves to the user when it succeeds; one that throws was no attempt
   * @throws {Problem} `throttled`, and what `compare` throws
   */
  async attempt(origin: Origin, username: string, compare: () => Promise<User | undefined>): Promise<User | undefined> {
    if (this.#context.config.limits === 'off') return compare()
    const reservation = await this.#admit(origin, username)
    try {
      const user = await compare()
      this.#settle(reservation, user === undefined ? 'failed' : 'forgiven', user)
      return user
    } catch (error) {
      this.#settle(reservation, 'returned')
      throw error
    }
  }

  /** Counts a registration. @throws {Problem} `throttled` when too many have been asked for from the address */
  async registration(origin: Origin): Promise<void> {
    const { config, db, clock } = this.#context
    if (config.limits === 'off') return
    const now = clock()
    const limits = [limitOf('registrations', this.#rules.registrations, networkFrom(origin))]
    const refused = (await refusal(db.read, limits, now)) ?? (await db.write((handle) => register(handle, limits, now), soon))
    if (refused) throw throttled(waitOf(refused, now))
  }

  async #admit(origin: Origin, username: string): Promise<Reservation> {
    const network = networkFrom(origin)
    const answer = await this.#reserveInLine(username, network)
    if ('charged' in answer) return answer
    this.#context.refusals.note(origin, { kind: 'login_throttled', reason: answer.limit.name, username })
    throw throttled(waitOf(answer, this.#context.clock()))
  }

  /** Those that come at once with others are refused only when the others have failed: many of them may be honest. */
  async #reserveInLine(username: string, network: string): Promise<Reservation | Refused> {
    const first = await this.#reserve(username, network)
    if (!isBusy(first)) return first
    const ask = async () => {
      const next = await this.#reserve(username, network)
      return isBusy(next) ? undefined : next
    }
    return (await this.#lines.wait(first.limit.key, ask)) ?? first
  }

  async #reserve(username: string, network: string): Promise<Reservation | Refused> {
    const { db, clock } = this.#context
    const now = clock()
    const isKnown = isStorable(username) && (await isKnownAddress(db.read, username, network))
    const limits = this.#limitsOf(username, network, isKnown)
    // First without a write: whoever is refused again and again costs none.
    const charged = (await refusal(db.read, limits, now)) ?? (await db.write((handle) => charge(handle, limits, now), soon))
    return 'kind' in charged ? charged : { network, isKnown, charged }
  }

  /**
   * Where a user has logged in from, nobody else's failures count: neither those for the same name, which would lock the
   * owner out, nor those from the same address, which many may share.
   */
  #limitsOf(username: string, network: string, isKnown: boolean): Limit[] {
    const { pair, address, account } = this.#rules
    const own = limitOf('pair', pair, username, network)
    return isKnown ? [own] : [own, limitOf('address', address, network), limitOf('account', account, username)]
  }

  /**
   * Nobody waits for it, but what this process writes later comes after it. Where it cannot be written, the attempt goes
   * on counting as failed.
   */
  #settle(reservation: Reservation, outcome: Outcome, user?: User): void {
    const job = (handle: Handle) => this.#writeOutcome(handle, reservation, outcome, user)
    this.#context.db.write(job, soon).catch(() => {})
  }

  async #writeOutcome(handle: Handle, { charged, network, isKnown }: Reservation, outcome: Outcome, user?: User): Promise<void> {
    const { clock, config } = this.#context
    const now = clock()
    for (const one of charged) {
      // A success forgives what failed for this name from this address, and nothing else.
      const own = outcome === 'forgiven' && one.limit.name !== 'pair' ? 'returned' : outcome
      await discharge(handle, one, own, now)
    }
    if (user === undefined || network === '') return
    await rememberAddress(handle, { user_id: user.id, network, last_at: now })
    if (!isKnown) await trimKnownAddresses(handle, user.id, config.knownAddressesPerUser)
  }
}

/** All who have no address share one. */
function networkFrom({ address }: Origin): string {
  return address === null ? '' : networkOf(address)
}

/** A registration counts, whatever becomes of it: each can ask whether a name is taken. */
async function register(handle: Handle, limits: readonly Limit[], now: number): Promise<Refused | undefined> {
  const charged = await charge(handle, limits, now)
  if ('kind' in charged) return charged
  for (const one of charged) await discharge(handle, one, 'failed', now)
  return undefined
}

function isBusy(answer: Reservation | Refused): answer is Refused & { kind: 'busy' } {
  return 'kind' in answer && answer.kind === 'busy'
}

/** In milliseconds. */
function waitOf(refused: Refused, now: number): number {
  return refused.kind === 'wait' ? refused.retryAt - now : 0
}
