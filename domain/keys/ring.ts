import type { SigningKeyRow } from '../../db/schema.ts'
import { listSigningKeys } from '../../db/signing-keys.ts'
import { unavailable } from '../errors.ts'
import { repeat, spaced } from '../repetition.ts'
import { isKid } from './generate.ts'
import { type KeyRing, type LoadedKey, loadKey, type PublicJwk, type SigningKey, type VerificationKey } from './load.ts'
import { isUsable, maySign, signingKey } from './schedule.ts'
import { checkKeys, type KeyContext, type KeyTools, keepKeysUp, keyTools } from './upkeep.ts'

/** Every process takes a change up within a second: it looks at the table so often. */
const LOOK_EVERY_MS = 500
/** Tokens of keys that are not there make a process look at the table at most so often. */
const SEARCH_EVERY_MS = 100

/**
 * The keys of the database, after making one for the algorithm that is set if there is none yet: of several processes that
 * start together, one makes it. They are kept up to date until the ring is closed.
 *
 * @param onError told when they cannot be; those at hand stay in use
 * @throws {SettingMismatch} when `SECRETS_KEY` or `JWT_SECRET` does not fit them
 * @throws {SigningKeyError} when a stored key cannot be read
 */
export async function openKeyRing(context: KeyContext, onError: (error: unknown) => void): Promise<DatabaseKeyRing> {
  const tools = keyTools(context)
  checkKeys(await listSigningKeys(tools.db.read), tools)
  const ring = new DatabaseKeyRing(tools, onError)
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
  readonly #tools: KeyTools
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

  constructor(tools: KeyTools, onError: (error: unknown) => void) {
    this.#tools = tools
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

  /** Takes up what is in the table. */
  async look(): Promise<void> {
    const turn = ++this.#looks
    const rows = await listSigningKeys(this.#tools.db.read)
    // An answer that was overtaken by a later one is old.
    if (turn < this.#lastTaken) return
    this.#lastTaken = turn
    const seen = JSON.stringify(rows)
    if (seen !== this.#seen) this.#take(rows)
    this.#seen = seen
  }

  /** Does what is due to the keys, and takes it up. */
  async keepUp(): Promise<void> {
    if (await keepKeysUp(this.#tools, this.#rows, this.#signing()?.kid)) await this.look()
  }

  /** Looks, and keeps the keys up, until the ring is closed. One does not wait for the other. */
  watch(): void {
    this.#watches = [() => this.look(), () => this.keepUp()].map((work) => repeat(work, LOOK_EVERY_MS, this.#onError))
  }

  async close(): Promise<void> {
    await Promise.all(this.#watches.map((end) => end()))
  }

  #signing(): SigningKey | undefined {
    return signingKey(this.#signers, this.#tools.clock())?.key
  }

  #take(rows: readonly SigningKeyRow[]): void {
    const usable = rows.filter((row) => isUsable(row, this.#tools.rules))
    const keys = usable.map((row) => [row, this.#load(row)] as const)
    this.#keys = new Map(keys.flatMap(([{ kid }, key]) => (key ? [[kid, key]] : [])))
    this.#signers = keys.flatMap(([row, key]) => (maySign(row, this.#tools.rules) && isSigner(key) ? signerOf(row, key) : []))
    this.#stored = new Map(usable.map(({ kid, private_key }) => [kid, private_key]))
    this.publicJwks = [...this.#keys.values()].flatMap(({ publicJwk }) => publicJwk ?? [])
    this.#rows = rows
  }

  /** Tokens that are known to be good are bound to the key as it is loaded: it stays the same as long as it can. */
  #load(row: SigningKeyRow): LoadedKey | undefined {
    const known = this.#keys.get(row.kid)
    if (known && (isSigner(known) || this.#stored.get(row.kid) === row.private_key)) return known
    try {
      return loadKey(row, this.#tools.secrets, this.#tools.secret)
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
