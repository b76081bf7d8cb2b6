import type { Handle } from '../../db/database.ts'
import { isKnownAddress } from '../../db/known-addresses.ts'
import type { User } from '../../db/schema.ts'
import { lockUser } from '../../db/turns.ts'
import { sharesOf } from '../address.ts'
import type { Core } from '../context.ts'
import { throttled } from '../errors.ts'
import type { Origin } from '../events/record.ts'
import type { Refusals } from '../events/refusals.ts'
import type { KeyedHash } from '../keyed-hash.ts'
import { isStorable } from '../text.ts'
import { type Charged, charge, dischargeIn, giveBack, type Limit, type Refused, readCounts, refusal, waitMs } from './charging.ts'
import { networkFrom, rememberNetwork } from './known-networks.ts'
import { Outcomes } from './outcomes.ts'
import { type Claimant, Rules } from './rules.ts'
import { WaitingLines } from './waiting-lines.ts'

/** So many jobs of a process wait at most for the tally of one network, and one for that of one name. */
const LINES = 4

/**
 * How an attempt is written: a power cut loses the last few failures at most, so it does not wait for the disk; and those for one name come one
 * after the other, for they lock the same tally.
 */
function inLine(limits: readonly Limit[]): { readonly isDurable: false; readonly line: string } {
  // Its first character is as good as a number that was drawn: the key is a hash.
  const share = (limits.at(-1) as Limit).key.charCodeAt(0) % LINES
  return { isDurable: false, line: `attempts ${share}` }
}

type LimitsCore = Core & { readonly refusals: Refusals; readonly keyedHash: KeyedHash }
type Succeeded = Pick<User, 'id'>

/** An attempt that was let through. It counts as failed until one of these is called. */
export interface Attempt {
  fail(): void
  /** It was no attempt: nothing was compared, or what was compared is no longer what is stored. */
  giveBack(): void
  /** The password was right: forgives the failures of this name from this address, or of this device, and remembers the address. */
  succeed(user: Succeeded): void
  /**
   * The same in the transaction that completes the login: then it holds exactly when the login does. It locks what it counts, in one
   * statement for each limit; the user is locked before.
   *
   * @returns does the rest
   */
  succeedIn(handle: Handle): Promise<(user: Succeeded) => Promise<void>>
  /** Whether it had to wait for the outcome of others. What was read before that may have changed. */
  readonly hasWaited: boolean
}

/** With `LIMITS=off`. */
const uncounted: Attempt = { fail() {}, giveBack() {}, succeed() {}, succeedIn: async () => async () => {}, hasWaited: false }

/** What an attempt was counted against. */
interface Reservation {
  readonly origin: Origin
  readonly isKnown: boolean
  readonly charged: readonly Charged[]
  readonly hasWaited?: boolean
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
    const counts = await readCounts(db.read, limits)
    const refused = (await refusal(db.read, counts, now)) ?? (await db.write((handle) => register(handle, limits, now), inLine(limits)))
    if (refused) throw this.#throttled(refused)
  }

  /** Writes the outcomes that could not be written until now; for the end of the service. */
  async flush(): Promise<void> {
    await this.#outcomes.flush()
  }

  #attemptOf(reservation: Reservation): Attempt {
    const { line } = inLine(reservation.charged.map(({ limit }) => limit))
    return {
      fail: () => this.#outcomes.write((handle) => this.#fail(handle, reservation), line),
      giveBack: () => this.#outcomes.write((handle) => this.#giveBack(handle, reservation), line),
      succeed: (user) => this.#outcomes.write((handle) => this.#succeed(handle, reservation, user), line),
      succeedIn: (handle) => this.#succeedIn(handle, reservation),
      hasWaited: reservation.hasWaited ?? false,
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
    const answer = (await this.#lines.wait(first.limit.key, sharesOf(origin.address), ask)) ?? first
    return 'charged' in answer ? { ...answer, hasWaited: true } : answer
  }

  async #reserve(origin: Origin, claimant: Claimant): Promise<Reservation | Refused> {
    const { db, clock } = this.#core
    const now = clock()
    // Reading first: a client that is refused again and again then costs no writes.
    const [isKnown, counts] = await Promise.all([
      this.#isKnown(origin, claimant),
      readCounts(db.read, this.#rules.ofAttempt(origin, claimant, false)),
    ])
    const limits = this.#rules.ofAttempt(origin, claimant, isKnown)
    const counted = counts.filter(({ limit }) => limits.some(({ key }) => key === limit.key))
    const charged = (await refusal(db.read, counted, now)) ?? (await db.write((handle) => charge(handle, limits, now), inLine(limits)))
    if (!('kind' in charged)) return { origin, isKnown, charged }
    // The user may have logged in from there since, by another request: who is known there is not refused for others.
    const isKnownNow = charged.kind === 'wait' && !isKnown && (await this.#isKnown(origin, claimant))
    return isKnownNow ? this.#reserve(origin, claimant) : charged
  }

  async #isKnown(origin: Origin, { username }: Claimant): Promise<boolean> {
    return !origin.isShared && isStorable(username) && isKnownAddress(this.#core.db.read, username, networkFrom(origin))
  }

  async #fail(handle: Handle, { charged }: Reservation): Promise<void> {
    const discharge = await dischargeIn(handle, charged)
    await discharge(() => 'failed', this.#core.clock())
  }

  #giveBack(handle: Handle, { charged }: Reservation): Promise<void> {
    return giveBack(handle, charged, this.#core.clock())
  }

  async #succeed(handle: Handle, reservation: Reservation, user: Succeeded): Promise<void> {
    await lockUser(handle, user.id)
    const succeed = await this.#succeedIn(handle, reservation)
    await succeed(user)
  }

  async #succeedIn(handle: Handle, { charged, origin, isKnown }: Reservation): Promise<(user: Succeeded) => Promise<void>> {
    const discharge = await dischargeIn(handle, charged)
    return async (user) => {
      // Only the failures of this name from this address, or of this device, are forgiven: the others may be an attacker's.
      await discharge((limit) => (isOwn(limit) ? 'forgiven' : 'returned'), this.#core.clock())
      await rememberNetwork(handle, this.#core, user, origin, isKnown)
    }
  }

  #throttled(refused: Refused): Error {
    this.#refused++
    return throttled(waitMs(refused))
  }
}

/** A registration counts whatever becomes of it: each one can ask whether a name is taken. */
async function register(handle: Handle, limits: readonly Limit[], now: number): Promise<Refused | undefined> {
  const charged = await charge(handle, limits, now, 'failed')
  return 'kind' in charged ? charged : undefined
}

function isOwn({ name }: Limit): boolean {
  return name === 'pair' || name === 'device'
}

function isBusy(answer: Reservation | Refused): answer is Refused & { kind: 'busy' } {
  return 'kind' in answer && answer.kind === 'busy'
}
