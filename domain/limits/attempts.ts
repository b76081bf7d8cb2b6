import type { Handle } from '../../db/database.ts'
import { isKnownAddress, rememberAddress, trimKnownAddresses } from '../../db/known-addresses.ts'
import type { User } from '../../db/schema.ts'
import { networkOf } from '../address.ts'
import type { Core } from '../context.ts'
import { throttled } from '../errors.ts'
import type { Origin } from '../events/record.ts'
import type { Refusals } from '../events/refusals.ts'
import { isStorable } from '../text.ts'
import { type Charged, charge, discharge, type Limit, limitOf, type Refused, refusal, waitMs } from './charging.ts'
import { rulesOf } from './rules.ts'
import type { Outcome } from './tally.ts'
import { WaitingLines } from './waiting-lines.ts'

/** A power cut loses the last few failures at most, so an attempt does not wait for the disk. */
const soon = { isDurable: false }

type Succeeded = Pick<User, 'id'>

/** An attempt that was let through. It counts as failed until one of these is called. */
export interface Attempt {
  fail(): void
  /** It was no attempt: nothing was compared, or what was compared is no longer what is stored. */
  giveBack(): void
  /** The password was right: forgives the failures of this name from this address, and remembers the address for the user. */
  succeed(user: Succeeded): void
  /** The same in the transaction that completes the login: then it holds exactly when the login does. */
  succeedIn(handle: Handle, user: Succeeded): Promise<void>
}

/** With `LIMITS=off`. */
const uncounted: Attempt = { fail() {}, giveBack() {}, succeed() {}, async succeedIn() {} }

/** What an attempt was counted against. */
interface Reservation {
  readonly network: string
  readonly isKnown: boolean
  readonly charged: readonly Charged[]
}

/**
 * Limits on guessing passwords and on registering, counted in the database, so that they hold over processes and restarts. An
 * attempt past a limit is refused before it costs a hash, and counts no further.
 *
 * Names count as they were sent, whether there is such a user or not. Whoever shares an address with a user can find out that
 * the user has logged in from it: the user's failures there have a limit of their own, which is what saves the user from
 * those of others.
 */
export class Limits {
  readonly #core: Core & { readonly refusals: Refusals }
  readonly #rules: ReturnType<typeof rulesOf>
  readonly #lines = new WaitingLines()
  #refused = 0

  constructor(core: Core & { readonly refusals: Refusals }) {
    this.#core = core
    this.#rules = rulesOf(core.config)
  }

  /** Attempts that wait for the outcome of others, and attempts and registrations that were refused since the start. */
  get stats(): { readonly waiting: number; readonly refused: number } {
    return { waiting: this.#lines.waiting, refused: this.#refused }
  }

  /**
   * Compares a password, if the limits allow that now. The attempt counts as failed before it begins, so that attempts in
   * parallel gain nothing; `work` settles it. If `work` throws, the attempt is given back.
   *
   * @throws {Problem} `throttled`, and what `work` throws
   */
  async attempt<T>(origin: Origin, username: string, work: (attempt: Attempt) => Promise<T>): Promise<T> {
    const attempt = this.#core.config.limits === 'off' ? uncounted : this.#attemptOf(await this.#admit(origin, username))
    try {
      return await work(attempt)
    } catch (error) {
      attempt.giveBack()
      throw error
    }
  }

  /** Counts a registration. @throws {Problem} `throttled` when there were too many from the address */
  async registration(origin: Origin): Promise<void> {
    const { config, db, clock } = this.#core
    if (config.limits === 'off') return
    const now = clock()
    const limits = [limitOf('registrations', this.#rules.registrations, networkFrom(origin))]
    const refused = (await refusal(db.read, limits, now)) ?? (await db.write((handle) => register(handle, limits, now), soon))
    if (refused) throw this.#throttled(refused)
  }

  #attemptOf(reservation: Reservation): Attempt {
    return {
      fail: () => this.#settleSoon(reservation, 'failed'),
      giveBack: () => this.#settleSoon(reservation, 'returned'),
      succeed: (user) => this.#writeSoon((handle) => this.#succeed(handle, reservation, user)),
      succeedIn: (handle, user) => this.#succeed(handle, reservation, user),
    }
  }

  async #admit(origin: Origin, username: string): Promise<Reservation> {
    const network = networkFrom(origin)
    const answer = await this.#reserveInLine(username, network)
    if ('charged' in answer) return answer
    this.#core.refusals.note(origin, { kind: 'login_throttled', reason: answer.limit.name, username })
    throw this.#throttled(answer)
  }

  /** Attempts that come together are refused only if those before them fail: some of them may be honest. So they wait in line. */
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
    const { db, clock } = this.#core
    const now = clock()
    const isKnown = isStorable(username) && (await isKnownAddress(db.read, username, network))
    const limits = this.#limitsOf(username, network, isKnown)
    // Reading first: a client that is refused again and again then costs no writes.
    const charged = (await refusal(db.read, limits, now)) ?? (await db.write((handle) => charge(handle, limits, now), soon))
    return 'kind' in charged ? charged : { network, isKnown, charged }
  }

  /**
   * From an address that the user has logged in from, only the failures of this name from there count. Neither those for the
   * name from elsewhere, which would lock the user out, nor those of others from the same address, which many may share.
   */
  #limitsOf(username: string, network: string, isKnown: boolean): Limit[] {
    const { pair, address, account } = this.#rules
    const own = limitOf('pair', pair, username, network)
    return isKnown ? [own] : [own, limitOf('address', address, network), limitOf('account', account, username)]
  }

  #settleSoon(reservation: Reservation, outcome: Outcome): void {
    this.#writeSoon((handle) => this.#settle(handle, reservation, outcome))
  }

  /** In the background, but before what this process writes later. If it cannot be written, the attempt goes on counting as failed. */
  #writeSoon(job: (handle: Handle) => Promise<void>): void {
    this.#core.db.write(job, soon).catch(() => {})
  }

  async #settle(handle: Handle, { charged }: Reservation, outcome: Outcome): Promise<void> {
    const now = this.#core.clock()
    for (const one of charged) await discharge(handle, one, outcome, now)
  }

  async #succeed(handle: Handle, { charged, network, isKnown }: Reservation, user: Succeeded): Promise<void> {
    const { clock, config } = this.#core
    const now = clock()
    // Only the failures of this name from this address are forgiven: those of the name, and of the address, may be an attacker's.
    for (const one of charged) await discharge(handle, one, one.limit.name === 'pair' ? 'forgiven' : 'returned', now)
    if (network === '') return
    await rememberAddress(handle, { user_id: user.id, network, last_at: now })
    if (!isKnown) await trimKnownAddresses(handle, user.id, config.knownAddressesPerUser)
  }

  #throttled(refused: Refused): Error {
    this.#refused++
    return throttled(waitMs(refused))
  }
}

/** Requests without an address, as over a Unix socket, count as one network. */
function networkFrom({ address }: Origin): string {
  return address === null ? '' : networkOf(address)
}

/** A registration counts whatever becomes of it: each one can ask whether a name is taken. */
async function register(handle: Handle, limits: readonly Limit[], now: number): Promise<Refused | undefined> {
  const charged = await charge(handle, limits, now)
  if ('kind' in charged) return charged
  for (const one of charged) await discharge(handle, one, 'failed', now)
  return undefined
}

function isBusy(answer: Reservation | Refused): answer is Refused & { kind: 'busy' } {
  return 'kind' in answer && answer.kind === 'busy'
}
