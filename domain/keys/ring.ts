import { DatabaseUnavailable } from '../../db/errors.ts'
import type { SigningKeyRow } from '../../db/schema.ts'
import { listSigningKeys } from '../../db/signing-keys.ts'
import { unavailable } from '../errors.ts'
import { repeat, spaced } from '../repetition.ts'
import type { TokenType } from '../tokens/claims.ts'
import type { KeyRing, PublicJwk, SigningKey, VerificationKey } from '../tokens/key-ring.ts'
import { isKid } from './generate.ts'
import { type LoadedKey, loadKey } from './load.ts'
import { isOfTheFuture, isUsable, keyRules, lastExpiry, maySign, type Signing, signingKey } from './schedule.ts'
import { checkKeys, type KeyCore, keepKeysUp } from './upkeep.ts'

/** How often a process looks at the table: a change is known everywhere within a second. */
const LOOK_EVERY_MS = 500
/** Tokens with an unknown `kid` make a process look at the table at most this often: anybody can invent one. */
const SEARCH_EVERY_MS = 100

/** What the owner of a ring is told. */
export interface KeyRingReports {
  /** The keys cannot be brought up to date; those loaded before stay in use. */
  onError(error: unknown): void
  /** A key was made by a clock far ahead of this one. */
  onKeyOfTheFuture?(kid: string): void
}

/**
 * Opens the keys of the database, and makes those that are missing: where several processes start together, one makes them. They are kept up
 * to date until the ring is closed.
 *
 * @throws {SettingMismatch} when `SECRETS_KEY` or `JWT_SECRET` does not fit them
 * @throws {SigningKeyError} when a stored key cannot be read
 */
export async function openKeyRing(core: KeyCore, reports: KeyRingReports): Promise<DatabaseKeyRing> {
  checkKeys(await listSigningKeys(core.db.read), core)
  const ring = new DatabaseKeyRing(core, reports)
  await ring.look()
  await ring.keepUp()
  ring.watch()
  return ring
}

interface Held {
  readonly row: SigningKeyRow
  /** Undefined when it cannot be read here. */
  readonly key: LoadedKey | undefined
}

interface Signer extends Pick<SigningKeyRow, 'signs_from' | 'created_at'> {
  readonly key: SigningKey
}

/** The keys of the database as this process last saw them. */
export class DatabaseKeyRing implements KeyRing {
  readonly #core: KeyCore
  readonly #rules: ReturnType<typeof keyRules>
  readonly #reports: KeyRingReports
  readonly #search = spaced(() => this.look(), SEARCH_EVERY_MS)
  readonly #reported = new Set<string>()
  #watches: (() => Promise<void>)[] = []
  #looks = 0
  #lastTaken = 0
  #rows: readonly SigningKeyRow[] = []
  #seen = ''
  #refreshRows: readonly SigningKeyRow[] = []
  #held = new Map<string, Held>()
  #signers: Readonly<Record<TokenType, readonly Signer[]>> = { access: [], refresh: [] }
  publicJwks: readonly PublicJwk[] = []

  constructor(core: KeyCore, reports: KeyRingReports) {
    this.#core = core
    this.#rules = keyRules(core.config)
    this.#reports = reports
  }

  get current(): SigningKey {
    return replaced(this.#signing('access'))
  }

  /** The key that signed first is chosen by the `iat`, also after others have followed; where it is retired or dead, the one that signs now. */
  refreshSigner(iat: number): SigningKey {
    const first = signingKey(this.#refreshRows, iat * 1000)
    const signer = this.#signers.refresh.find(({ key }) => key.kid === first?.kid && this.find(key.kid) === key)
    return signer?.key ?? replaced(this.#signing('refresh'))
  }

  find(kid: string): VerificationKey | undefined {
    const held = this.#held.get(kid)
    return held !== undefined && this.#isAlive(held.row) ? held.key : undefined
  }

  async search(kid: string): Promise<VerificationKey | undefined> {
    if (!isKid(kid)) return undefined
    if (!this.#rows.some((row) => row.kid === kid)) await this.#search()
    const held = this.#held.get(kid)
    // The token may be good, for another process can read the key. This is no answer about the token, so it is no `Problem` of it.
    if (held !== undefined && held.key === undefined) throw new DatabaseUnavailable(`signing key ${kid} cannot be read here`)
    return this.find(kid)
  }

  async recall(kid: string): Promise<VerificationKey | undefined> {
    const alive = await this.search(kid)
    if (alive !== undefined) return alive
    const ended = this.#held.get(kid)?.key
    return ended?.use === 'refresh' ? ended : undefined
  }

  get algorithms() {
    const published = [...this.#held.values()].flatMap(({ row, key }) => (key?.use === 'access' && this.#isAlive(row) ? key : []))
    const keys = [this.#signing('access'), ...published].filter((key) => key !== undefined)
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
    const signing: Signing = { access: this.#signing('access')?.kid, refresh: this.#signing('refresh')?.kid }
    if (await keepKeysUp(this.#core, this.#rows, signing)) await this.look()
  }

  /** Looks and keeps up in the background until the ring is closed. A slow write of one must not delay the other. */
  watch(): void {
    this.#watches = [() => this.look(), () => this.keepUp()].map((work) => repeat(work, LOOK_EVERY_MS, this.#reports.onError))
  }

  async close(): Promise<void> {
    await Promise.all(this.#watches.map((end) => end()))
  }

  #signing(use: TokenType): SigningKey | undefined {
    return signingKey(this.#signers[use], this.#core.clock())?.key
  }

  /** A key that signs stays alive, and any other until its last token is dead. */
  #isAlive(row: SigningKeyRow): boolean {
    return lastExpiry(row) > this.#core.clock() || row.kid === this.#signing(row.use)?.kid
  }

  #take(rows: readonly SigningKeyRow[]): void {
    const usable = rows.filter((row) => isUsable(row, this.#rules))
    this.#held = new Map(usable.map((row) => [row.kid, { row, key: this.#load(row) }]))
    const held = [...this.#held.values()]
    const signers = held.flatMap(({ row, key }) => (maySign(row, this.#rules) && isSigner(key) ? signerOf(row, key) : []))
    this.#signers = {
      access: signers.filter(({ key }) => key.use === 'access'),
      refresh: signers.filter(({ key }) => key.use === 'refresh'),
    }
    this.publicJwks = held.flatMap(({ key }) => key?.publicJwk ?? [])
    this.#rows = rows
    this.#refreshRows = rows.filter(({ use }) => use === 'refresh')
    this.#reportKeysOfTheFuture()
  }

  #reportKeysOfTheFuture(): void {
    const now = this.#core.clock()
    for (const row of this.#rows.filter((one) => isOfTheFuture(one, now))) {
      if (this.#reported.has(row.kid)) continue
      this.#reported.add(row.kid)
      this.#reports.onKeyOfTheFuture?.(row.kid)
    }
  }

  /** The key that is loaded already, where the row is the same: cached tokens belong to that object, and would have to be verified again. */
  #load(row: SigningKeyRow): LoadedKey | undefined {
    const known = this.#held.get(row.kid)
    if (known?.key && (isSigner(known.key) || known.row.private_key === row.private_key)) return known.key
    try {
      return loadKey(row, this.#core.secrets, this.#core.config.jwtSecret)
    } catch (error) {
      this.#reports.onError(error)
      // What was loaded fits its kid, whatever has become of the row.
      return known?.key
    }
  }
}

function replaced(key: SigningKey | undefined): SigningKey {
  if (key === undefined) throw unavailable('overloaded', 'The signing key is being replaced. Try again.')
  return key
}

function isSigner(key: LoadedKey | undefined): key is SigningKey {
  return key?.sign !== undefined
}

function signerOf({ signs_from, created_at }: SigningKeyRow, key: SigningKey): Signer {
  return { signs_from, created_at, key }
}
