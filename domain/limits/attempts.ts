import type { Handle } from '../../db/database.ts'
import { isKnownAddress } from '../../db/known-addresses.ts'
import type { User } from '../../db/schema.ts'
import { sharesOf } from '../address.ts'
import type { Core } from '../context.ts'
import { throttled } from '../errors.ts'
import type { Origin } from '../events/record.ts'
import type { Refusals } from '../events/refusals.ts'
import type { KeyedHash } from '../keyed-hash.ts'
import { isStorable } from '../text.ts'
import { type Charged, charge, discharge, giveBack, type Limit, type Refused, refusal, waitMs } from './charging.ts'
import { networkFrom, rememberNetwork } from './known-networks.ts'
import { Outcomes } from './outcomes.ts'
import { type Claimant, Rules } from './rules.ts'
import { WaitingLines } from './waiting-lines.ts'

/** A power cut loses the last few failures at most, so an attempt does not wait for the disk. */
const soon = { isDurable: false }

type LimitsCore = Core & { readonly refusals: Refusals; readonly keyedHash: KeyedHash }
type Succeeded = Pick<User, 'id'>

/** An attempt that was let through. It counts as failed until one of these is called. */
export interface Attempt {
  fail(): void
  /** It was no attempt: nothing was compared, or what was compared is no longer what is stored. */
  giveBack(): void
  /** The password was right: forgives the failures of this name from this address, or of this device, and remembers the address. */
  succeed(user: Succeeded): void
  /** The same in the transaction that completes the login: then it holds exactly when the login does. */
  succeedIn(handle: Handle, user: Succeeded): Promise<void>
}

/** With `LIMITS=off`. */
const uncounted: Attempt = { fail() {}, giveBack() {}, succeed() {}, async succeedIn() {} }

/** What an attempt was counted against. */
interface Reservation {
  readonly origin: Origin
  readonly isKnown: boolean
  readonly charged: readonly Charged[]
}

/**
 * Limits on guessing passwords and on registering, counted in the database, so that they hold over processes and restarts. An
 * attempt past a limit is refused before it costs a hash, and counts no further.
 *
 * Names count as they were sent, but in NFC, whether there is such a user or not. Whoever shares an address with a user can find out that
 * the user has logged in from it: the user's failures there have a limit of their own, which is what saves the user from
 * those of others. Past the limits of an address and of a name there is a slow lane: see `lane.ts`.
 */
export class Limits {
  readonly #core: LimitsCore
  readonly #rules: Rules
  readonly #lines = new WaitingLines()
  readonly #outcomes: Outcomes
  #refused = 0

  constructor(core: LimitsCore) {
    this.#core = core
    this.#outcomes = new Outcomes(core.db)
    this.#rules = new Rules(core.config, core.keyedHash)
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
  async attempt<T>(origin: Origin, claimant: Claimant, work: (attempt: Attempt) => Promise<T>): Promise<T> {
    const attempt = this.#core.config.limits === 'off' ? uncounted : this.#attemptOf(await this.#admit(origin, claimant))
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
    const limits = this.#rules.ofRegistration(origin)
    const refused = (await refusal(db.read, limits, now)) ?? (await db.write((handle) => register(handle, limits, now), soon))
    if (refused) throw this.#throttled(refused)
  }

  /** Writes the outcomes that could not be written until now; for the end of the service. */
  async flush(): Promise<void> {
    await this.#outcomes.flush()
  }

  #attemptOf(reservation: Reservation): Attempt {
    return {
      fail: () => this.#outcomes.write((handle) => this.#fail(handle, reservation)),
      giveBack: () => this.#outcomes.write((handle) => this.#giveBack(handle, reservation)),
      succeed: (user) => this.#outcomes.write((handle) => this.#succeed(handle, reservation, user)),
      succeedIn: (handle, user) => this.#succeed(handle, reservation, user),
    }
  }

  async #admit(origin: Origin, claimant: Claimant): Promise<Reservation> {
    const answer = await this.#reserveInLine(origin, claimant)
    if ('charged' in answer) return answer
    this.#core.refusals.note(origin, { kind: 'login_throttled', reason: answer.limit.name, username: claimant.username })
    throw this.#throttled(answer)
  }

  /** Attempts that come together are refused only if those before them fail: some of them may be honest. So they wait in line. */
  async #reserveInLine(origin: Origin, claimant: Claimant): Promise<Reservation | Refused> {
    const first = await this.#reserve(origin, claimant)
    if (!isBusy(first)) return first
    const ask = async () => {
      const next = await this.#reserve(origin, claimant)
      return isBusy(next) ? undefined : next
    }
    return (await this.#lines.wait(first.limit.key, sharesOf(origin.address), ask)) ?? first
  }

  async #reserve(origin: Origin, claimant: Claimant): Promise<Reservation | Refused> {
    const { db, clock } = this.#core
    const now = clock()
    const network = networkFrom(origin)
    const isKnown = !origin.isShared && isStorable(claimant.username) && (await isKnownAddress(db.read, claimant.username, network))
    const limits = this.#rules.ofAttempt(origin, claimant, isKnown)
    // Reading first: a client that is refused again and again then costs no writes.
    const charged = (await refusal(db.read, limits, now)) ?? (await db.write((handle) => charge(handle, limits, now), soon))
    return 'kind' in charged ? charged : { origin, isKnown, charged }
  }

  async #fail(handle: Handle, { charged }: Reservation): Promise<void> {
    for (const one of charged) await discharge(handle, one, 'failed', this.#core.clock())
  }

  async #giveBack(handle: Handle, { charged }: Reservation): Promise<void> {
    for (const one of charged) await giveBack(handle, one, this.#core.clock())
  }

  async #succeed(handle: Handle, { charged, origin, isKnown }: Reservation, user: Succeeded): Promise<void> {
    const now = this.#core.clock()
    // Only the failures of this name from this address, or of this device, are forgiven: the others may be an attacker's.
    for (const one of charged) await discharge(handle, one, isOwn(one.limit) ? 'forgiven' : 'returned', now)
    await rememberNetwork(handle, this.#core, user, origin, isKnown)
  }

  #throttled(refused: Refused): Error {
    this.#refused++
    return throttled(waitMs(refused))
  }
}

/** A registration counts whatever becomes of it: each one can ask whether a name is taken. */
async function register(handle: Handle, limits: readonly Limit[], now: number): Promise<Refused | undefined> {
  const charged = await charge(handle, limits, now)
  if ('kind' in charged) return charged
  for (const one of charged) await discharge(handle, one, 'failed', now)
  return undefined
}

function isOwn({ name }: Limit): boolean {
  return name === 'pair' || name === 'device'
}

function isBusy(answer: Reservation | Refused): answer is Refused & { kind: 'busy' } {
  return 'kind' in answer && answer.kind === 'busy'
}
