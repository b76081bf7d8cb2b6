import { LRUCache } from 'lru-cache'
import { type Clock, toSeconds } from '../clock.ts'
import { TokenProblem } from '../errors.ts'
import type { KeyRing, VerificationKey } from '../keys/load.ts'
import { type ClaimRules, type Claims, checkClaims, isAhead, isLive, type TokenType } from './claims.ts'
import { type ParsedToken, parseToken } from './format.ts'
import type { TokenIdentity } from './identity.ts'

/** Whom a token is for. */
export interface TokenSubject {
  readonly userId: number
  readonly sessionId: number
}

export interface TokenSettings {
  readonly jwtIssuer: string
  readonly jwtPreviousIssuers: readonly string[]
  readonly jwtAudience: string | undefined
}

/** A token that was issued or verified here. It stands for its cryptography alone, never for its user or session. */
interface Known {
  readonly key: VerificationKey
  readonly claims: Claims
}

/** Some 1.2 kB each. */
const KNOWN_TOKENS_LIMIT = 10_000

/** Issues tokens, and tells whether one that comes back is ours and good. Knows nothing of users and sessions. */
export class Tokens {
  readonly #keys: KeyRing
  readonly #clock: Clock
  readonly #rules: ClaimRules
  readonly #issuer: string
  readonly #known = new LRUCache<string, Known>({ max: KNOWN_TOKENS_LIMIT })

  constructor(keys: KeyRing, settings: TokenSettings, clock: Clock) {
    this.#keys = keys
    this.#clock = clock
    this.#issuer = settings.jwtIssuer
    this.#rules = { issuers: new Set([settings.jwtIssuer, ...settings.jwtPreviousIssuers]), audience: settings.jwtAudience }
  }

  /** A signed token. The same identity gives a token that is as good as the first, with another signature. */
  issue(type: TokenType, subject: TokenSubject, { jti, iat, exp }: TokenIdentity): string {
    const claims: Claims = {
      token_type: type,
      exp,
      iat,
      jti,
      user_id: subject.userId,
      iss: this.#issuer,
      sub: String(subject.userId),
      ...(this.#rules.audience !== undefined && { aud: this.#rules.audience }),
      sid: String(subject.sessionId),
    }
    const key = this.#keys.current
    const token = key.sign(claims)
    this.#known.set(token, { key, claims })
    return token
  }

  /**
   * The claims of a token that is ours, signed with the key it names, and live now.
   *
   * @param expected the type that is asked for; either when undefined
   * @throws {TokenProblem} for everything else, whatever it is
   * @throws {DatabaseUnavailable} when the key is unknown and the database does not answer
   */
  async verify(token: string, expected?: TokenType): Promise<Claims> {
    // The whole token is the key of the cache: what is found there was told apart by the same header, letter by letter.
    const known = this.#known.get(token)
    const isKnown = known !== undefined && this.#keys.find(known.key.kid) === known.key
    return isKnown ? this.#stillGood(known.claims, expected) : this.#verifyUnknown(token, expected)
  }

  /**
   * The claims of a token that is ours, also of one that has expired: to tell what it stood for, or to end that; never to
   * grant anything.
   *
   * @returns undefined for everything else
   * @throws {DatabaseUnavailable} when the key is unknown and the database does not answer
   */
  async recognize(token: string): Promise<Claims | undefined> {
    const signed = await this.#checkSignature(token)
    if (signed === undefined) return undefined
    // Asked as if it were just before its end.
    const at = Math.min(toSeconds(this.#clock()), Number(signed.payload.exp) - 1)
    try {
      return checkClaims(signed.payload, signed.header.typ, this.#rules, at)
    } catch {
      return undefined
    }
  }

  async #verifyUnknown(token: string, expected: TokenType | undefined): Promise<Claims> {
    const signed = await this.#checkSignature(token)
    if (signed === undefined) throw new TokenProblem('invalid')
    const { key, header, payload } = signed
    const claims = checkClaims(payload, header.typ, this.#rules, toSeconds(this.#clock()), expected)
    this.#known.set(token, { key, claims })
    return claims
  }

  /** What a token says, when the key it names has signed it. */
  async #checkSignature(token: string): Promise<(ParsedToken & { readonly key: VerificationKey }) | undefined> {
    const parsed = parseToken(token)
    const key = parsed && (this.#keys.find(parsed.header.kid) ?? (await this.#keys.search(parsed.header.kid)))
    return parsed && key?.verifies(token) ? { ...parsed, key } : undefined
  }

  /** Of what was checked once, only the time and what is asked for can have changed. */
  #stillGood(claims: Claims, expected: TokenType | undefined): Claims {
    const now = toSeconds(this.#clock())
    if (!isLive(claims.exp, now) || isAhead(claims.iat, now)) throw new TokenProblem('invalid')
    if (expected !== undefined && claims.token_type !== expected) throw new TokenProblem('wrong_type')
    return claims
  }
}
