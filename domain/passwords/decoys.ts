import { type KindCount, listPasswordKinds } from '../../db/password-kinds.ts'
import type { Core } from '../context.ts'
import type { KeyedHash } from '../keyed-hash.ts'
import { composed } from '../names.ts'
import { repeat } from '../repetition.ts'
import { decoyOfKind } from './formats.ts'
import type { Hashing } from './hashing.ts'

const LOOK_EVERY_MS = 60_000
/** Of the hash of a name, for each of the three numbers that are made of it. */
const BYTES_A_NUMBER = 5

type DecoyCore = Pick<Core, 'db'> & { readonly hashing: Hashing; readonly keyedHash: KeyedHash }

/** A kind that is not today's. */
interface Other {
  readonly decoy: string
  /** The part of names, of those with a kind that is not today's, up to which it is this one. */
  readonly upTo: number
  /** The part of its names that have not moved to today's kind. */
  readonly staying: number
}

/**
 * What the password for a name is compared with where there is no hash to compare with: a hash that no password has, of the kind that the name
 * would have if it were a user's. So the time of a refusal tells which kind a name has, and not whether it is a user's.
 *
 * Kinds are as frequent as among users. A name always has the same, whoever asks and in whatever Unicode form, and as users get hashes of
 * today's kind by their next login names do, too: none gets a third kind, or goes back, as no user does. For that, a kind keeps the share of
 * names that it ever had, and gives a part of it to today's. Only an import, other costs of hashing and the deletion of users change more.
 */
export class Decoys {
  readonly #core: DecoyCore
  readonly #decoys = new Map<string, string | undefined>()
  /** The part of all names that have, or had, another kind than today's. */
  #othersUpTo = 0
  #others: readonly Other[] = []
  #end = async () => {}

  constructor(core: DecoyCore) {
    this.#core = core
  }

  /** Reads how many users there are of each kind. @throws {DatabaseUnavailable} */
  async look(): Promise<void> {
    const counts = await listPasswordKinds(this.#core.db.read)
    const others = counts.filter((count) => count.kind !== this.#core.hashing.kind && this.#decoyOf(count.kind) !== undefined)
    const own = counts.find(({ kind }) => kind === this.#core.hashing.kind)?.users ?? 0
    this.#share(
      others.sort((a, b) => (a.kind < b.kind ? -1 : 1)),
      own,
    )
  }

  /** @param onError called when the database does not answer */
  watch(onError: (error: unknown) => void): void {
    this.#end = repeat(() => this.look(), LOOK_EVERY_MS, onError)
  }

  close(): Promise<void> {
    return this.#end()
  }

  /** @param name as users are looked up by it */
  of(name: string): string {
    const [kind, which, moved] = this.#numbers(name)
    if (kind >= this.#othersUpTo) return this.#core.hashing.decoy
    const other = this.#others.find(({ upTo }) => which < upTo)
    return other === undefined || moved >= other.staying ? this.#core.hashing.decoy : other.decoy
  }

  /**
   * @param others kinds that are not today's, always in the same order
   * @param own users of today's kind
   */
  #share(others: readonly KindCount[], own: number): void {
    const sum = (numberOf: (count: KindCount) => number) => others.reduce((total, other) => total + numberOf(other), 0)
    // Users who have moved are among those of today's kind, unless they were deleted since.
    const present = Math.min(
      1,
      own /
        Math.max(
          1,
          sum(({ moved }) => moved),
        ),
    )
    const everOf = ({ users, moved }: KindCount) => users + moved * present
    const ever = sum(everOf)
    const all = sum(({ users }) => users) + own
    this.#othersUpTo = all === 0 ? 0 : ever / all
    let before = 0
    this.#others = others.map((other) => {
      before += everOf(other)
      return { decoy: this.#decoyOf(other.kind) as string, upTo: before / ever, staying: other.users / everOf(other) }
    })
  }

  /** The same as long as this process runs; none for a kind that is not understood, or is too costly here. */
  #decoyOf(kind: string): string | undefined {
    if (!this.#decoys.has(kind)) {
      const decoy = decoyOfKind(kind)
      this.#decoys.set(kind, decoy !== undefined && this.#core.hashing.isComparable(decoy, false) ? decoy : undefined)
    }
    return this.#decoys.get(kind)
  }

  /** Three numbers from 0 up to 1, which only who has the key of the database can tell. */
  #numbers(name: string): [number, number, number] {
    const bytes = Buffer.from(this.#core.keyedHash.hash(`decoy\0${composed(name)}`), 'base64url')
    const number = (index: number) => bytes.readUIntBE(index * BYTES_A_NUMBER, BYTES_A_NUMBER) / 2 ** (8 * BYTES_A_NUMBER)
    return [number(0), number(1), number(2)]
  }
}
