import type { Outcome, Result } from './page.ts'
import type { Refusal, Remark } from './user.ts'

/** A user of whom something is to be said. */
export interface ToldRow {
  readonly id: bigint
  /** As it is there, less the white space around it. */
  readonly username: string
  readonly outcome: Outcome
  readonly reasons: readonly (Refusal | Remark)[]
}

/** Kinds of hashes that are counted each by itself. A table can have any number, by parameters that nobody uses. */
const KINDS = 100

/** What has become, or would become, of the users of a source. */
export class ImportReport {
  /** Users that were read. */
  read = 0
  readonly users: Record<Outcome, number> = { new: 0, changed: 0, unchanged: 0, left_out: 0 }
  /** How many users each thing was said of. */
  readonly reasons = new Map<Refusal | Remark, number>()
  /** How many users have each kind of hash there, without those who are left out. */
  readonly hashes = new Map<string, number>()
  /** Tokens that are revoked there, of users who are here, and have not expired. */
  tokens = 0
  /** Users who came by an earlier import, and are no more there. */
  lost = 0
  /** The id of the next user who registers here. */
  nextId = 0

  /** Counts a user; resolves to what is to be said of the user, if anything is. */
  add({ candidate, outcome, reasons }: Result): ToldRow | undefined {
    const final = outcome === 'waiting' ? 'left_out' : outcome
    this.users[final]++
    for (const reason of reasons) this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1)
    if (final !== 'left_out') this.#countHash(candidate.hashKind)
    return reasons.length === 0 ? undefined : { id: candidate.id, username: candidate.username, outcome: final, reasons }
  }

  /** For the event of an import. */
  inWords(): string {
    const { new: fresh, changed, unchanged, left_out } = this.users
    return `${fresh} new, ${changed} changed, ${unchanged} unchanged, ${left_out} left out`
  }

  #countHash(kind: string): void {
    const counted = this.hashes.has(kind) || this.hashes.size < KINDS ? kind : 'others'
    this.hashes.set(counted, (this.hashes.get(counted) ?? 0) + 1)
  }
}
