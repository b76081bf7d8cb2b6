import type { Handle } from '../../db/database.ts'
import { deleteIssuedClaim, listIssuedClaims, noteIssuedClaim } from '../../db/issued-claims.ts'
import type { IssuedClaim } from '../../db/schema.ts'
import type { Core } from '../context.ts'
import { repeat, spaced } from '../repetition.ts'
import type { ClaimRules } from './claims.ts'

/** How long a process may issue tokens with a claim after it wrote `used_at`, as with keys. */
const LEASE_MS = 600_000
const LOOK_EVERY_MS = 60_000
/** Tokens with an unknown issuer or audience make a process look at the table at most this often. */
const SEARCH_EVERY_MS = 100

/**
 * The issuers and audiences of tokens that may be alive. Each process writes down what it issues tokens with, so that a change of
 * `JWT_ISSUER`, `PUBLIC_URL`, `PORT` or `JWT_AUDIENCE` logs nobody out: what was used before is accepted until its last token is dead.
 */
export class IssuedClaims implements ClaimRules {
  readonly #core: Core
  readonly #issuers: ReadonlySet<string>
  /** Looks into the table for claims that other processes have written down. */
  readonly search: () => Promise<void>
  #rows: readonly IssuedClaim[] = []
  #end = async () => {}

  constructor(core: Core) {
    const { jwtIssuer, jwtPreviousIssuers } = core.config
    this.#core = core
    this.#issuers = new Set([jwtIssuer, ...jwtPreviousIssuers])
    this.search = spaced(() => this.look(), SEARCH_EVERY_MS)
  }

  isIssuer(iss: string): boolean {
    return this.#issuers.has(iss) || this.#isAlive('iss', iss)
  }

  /** Where no audience is set, a token that has one is for somebody else. */
  isAudience(aud: unknown): boolean {
    const { jwtAudience } = this.#core.config
    if (Array.isArray(aud)) return jwtAudience !== undefined && aud.includes(jwtAudience)
    if (aud === '') return false
    return aud === jwtAudience || ((aud === undefined || typeof aud === 'string') && this.#isAlive('aud', aud ?? ''))
  }

  /** Reads the table. */
  async look(): Promise<void> {
    this.#rows = await listIssuedClaims(this.#core.db.read)
  }

  /**
   * Writes down what this process issues tokens with, and forgets what only dead tokens have. While the clock is not steady only what is
   * missing is written, for the time that would be written is wrong.
   *
   * @throws {DatabaseUnavailable} when the database does not answer
   */
  async keepUp(): Promise<void> {
    await this.look()
    if (this.#own().every((own) => this.#isNoted(own)) && this.#dead().length === 0) return
    await this.#core.db.write((handle) => this.#note(handle))
    await this.look()
  }

  /** @param onError called when it cannot be kept up */
  watch(onError: (error: unknown) => void): void {
    this.#end = repeat(() => this.keepUp(), LOOK_EVERY_MS, onError)
  }

  close(): Promise<void> {
    return this.#end()
  }

  async #note(handle: Handle): Promise<void> {
    const rows = await listIssuedClaims(handle)
    for (const own of this.#own()) {
      const before = rows.find((row) => isSame(row, own))
      // A later time stays, as with keys: one that is too early logs people out.
      const { used_at = 0, token_ttl = 0 } = before ?? {}
      await noteIssuedClaim(handle, { ...own, used_at: Math.max(own.used_at, used_at), token_ttl: Math.max(own.token_ttl, token_ttl) })
    }
    for (const dead of this.#dead()) await deleteIssuedClaim(handle, dead)
  }

  #own(): IssuedClaim[] {
    const { config, clock } = this.#core
    const { accessTokenTtlSeconds: access, refreshTokenTtlSeconds: refresh } = config
    const used_at = clock()
    return [
      { claim: 'iss', value: config.jwtIssuer, used_at, token_ttl: Math.max(access, refresh) },
      // The audience of a refresh token is not looked at.
      { claim: 'aud', value: config.jwtAudience ?? '', used_at, token_ttl: access },
    ]
  }

  #isNoted(own: IssuedClaim): boolean {
    const row = this.#rows.find((one) => isSame(one, own))
    if (row === undefined) return false
    return !this.#core.clockWatch.isSteady || (row.token_ttl >= own.token_ttl && own.used_at - row.used_at < LEASE_MS / 2)
  }

  #dead(): IssuedClaim[] {
    const { now, isSteady } = this.#core.clockWatch.read()
    const own = this.#own()
    return isSteady ? this.#rows.filter((row) => lastExpiry(row) <= now && !own.some((one) => isSame(one, row))) : []
  }

  #isAlive(claim: IssuedClaim['claim'], value: string): boolean {
    return this.#rows.some((row) => isSame(row, { claim, value }) && lastExpiry(row) > this.#core.clock())
  }
}

function isSame(one: Pick<IssuedClaim, 'claim' | 'value'>, other: Pick<IssuedClaim, 'claim' | 'value'>): boolean {
  return one.claim === other.claim && one.value === other.value
}

/** When the last token with the claim expires, in milliseconds since the epoch. */
function lastExpiry({ used_at, token_ttl }: IssuedClaim): number {
  return used_at + LEASE_MS + token_ttl * 1000
}
