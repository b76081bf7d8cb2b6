import type { SigningKeyRow } from '../../db/schema.ts'
import { listSigningKeys } from '../../db/signing-keys.ts'
import { unavailable } from '../errors.ts'
import { repeat, spaced } from '../repetition.ts'
import type { KeyRing, PublicJwk, SigningKey, VerificationKey } from '../tokens/key-ring.ts'
import { isKid } from './generate.ts'
import { type LoadedKey, loadKey } from './load.ts'
import { isUsable, keyRules, maySign, signingKey } from './schedule.ts'
import { checkKeys, type KeyCore, keepKeysUp } from './upkeep.ts'

/** How often a process looks at the table: a change is known everywhere within a second. */
const LOOK_EVERY_MS = 500
/** Tokens with an unknown `kid` make a process look at the table at most this often: anybody can invent one. */
const SEARCH_EVERY_MS = 100

/**
 * Opens the keys of the database, and makes one for `JWT_ALGORITHM` if there is none: where several processes start
 * together, one makes it. They are kept up to date until the ring is closed.
 *
 * @param onError called when they cannot be brought up to date; those loaded before stay in use
 * @throws {SettingMismatch} when `SECRETS_KEY` or `JWT_SECRET` does not fit them
 * @throws {SigningKeyError} when a stored key cannot be read
 */
export async function openKeyRing(core: KeyCore, onError: (error: unknown) => void): Promise<DatabaseKeyRing> {
  checkKeys(await listSigningKeys(core.db.read), core)
  const ring = new DatabaseKeyRing(core, onError)
  await ring.look()
  await ring.keepUp()
  ring.watch()
  return ring
}

interface Signer extends Pick<SigningKeyRow, 'signs_from' | 'created_at'> {
  readonly key: SigningKey
}

/** The keys of the database as this process last saw them. */
export class DatabaseKeyRing implements KeyRing {
  readonly #core: KeyCore
  readonly #rules: ReturnType<typeof keyRules>
  readonly #onError: (error: unknown) => void
  readonly #search = spaced(() => this.look(), SEARCH_EVERY_MS)
  #watches: (() => Promise<void>)[] = []
  #looks = 0
  #lastTaken = 0
  #rows: readonly SigningKeyRow[] = []
  #seen = ''
  #stored = new Map<string, string | null>()
  #keys = new Map<string, LoadedKey>()
  #signers: readonly Signer[] = []
  publicJwks: readonly PublicJwk[] = []

  constructor(core: KeyCore, onError: (error: unknown) => void) {
    this.#core = core
    this.#rules = keyRules(core.config)
    this.#onError = onError
  }

  get current(): SigningKey {
    const key = this.#signing()
    if (key === undefined) throw unavailable('overloaded', 'The signing key is being replaced. Try again.')
    return key
  }

  find(kid: string): VerificationKey | undefined {
    return this.#keys.get(kid)
  }

  async search(kid: string): Promise<VerificationKey | undefined> {
    if (!isKid(kid) || this.#rows.some((row) => row.kid === kid)) return undefined
    await this.#search()
    return this.find(kid)
  }

  get algorithms() {
    const keys = [this.#signing(), ...this.#keys.values()].filter((key) => key !== undefined)
    return [...new Set(keys.map(({ algorithm }) => algorithm))]
  }

  /** Reads the table. */
  async look(): Promise<void> {
    const turn = ++this.#looks
    const rows = await listSigningKeys(this.#core.db.read)
    // Two looks can overlap: the answer of the earlier one must not replace that of the later.
    if (turn < this.#lastTaken) return
    this.#lastTaken = turn
    const seen = JSON.stringify(rows)
    if (seen !== this.#seen) this.#take(rows)
    this.#seen = seen
  }

  /** Does what is due to the keys, and reads the table again if that changed anything. */
  async keepUp(): Promise<void> {
    if (await keepKeysUp(this.#core, this.#rows, this.#signing()?.kid)) await this.look()
  }

  /** Looks and keeps up in the background until the ring is closed. A slow write of one must not delay the other. */
  watch(): void {
    this.#watches = [() => this.look(), () => this.keepUp()].map((work) => repeat(work, LOOK_EVERY_MS, this.#onError))
  }

  async close(): Promise<void> {
    await Promise.all(this.#watches.map((end) => end()))
  }

  #signing(): SigningKey | undefined {
    return signingKey(this.#signers, this.#core.clock())?.key
  }

  #take(rows: readonly SigningKeyRow[]): void {
    const usable = rows.filter((row) => isUsable(row, this.#rules))
    const keys = usable.map((row) => [row, this.#load(row)] as const)
    this.#keys = new Map(keys.flatMap(([{ kid }, key]) => (key ? [[kid, key]] : [])))
    this.#signers = keys.flatMap(([row, key]) => (maySign(row, this.#rules) && isSigner(key) ? signerOf(row, key) : []))
    this.#stored = new Map(usable.map(({ kid, private_key }) => [kid, private_key]))
    this.publicJwks = [...this.#keys.values()].flatMap(({ publicJwk }) => publicJwk ?? [])
    this.#rows = rows
  }

  /** The key that is loaded already, where the row is the same: cached tokens belong to that object, and would have to be verified again. */
  #load(row: SigningKeyRow): LoadedKey | undefined {
    const known = this.#keys.get(row.kid)
    if (known && (isSigner(known) || this.#stored.get(row.kid) === row.private_key)) return known
    try {
      return loadKey(row, this.#core.secrets, this.#core.config.jwtSecret)
    } catch (error) {
      this.#onError(error)
      return undefined
    }
  }
}

function isSigner(key: LoadedKey | undefined): key is SigningKey {
  return key?.sign !== undefined
}

function signerOf({ signs_from, created_at }: SigningKeyRow, key: SigningKey): Signer {
  return { signs_from, created_at, key }
}
