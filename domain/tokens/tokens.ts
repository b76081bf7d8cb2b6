import { LRUCache } from 'lru-cache'
import { toSeconds } from '../clock.ts'
import type { Core } from '../context.ts'
import { TokenProblem } from '../errors.ts'
import { type ClaimRules, type Claims, checkClaims, isAhead, isLive, type TokenType } from './claims.ts'
import { type ParsedLegacyToken, type ParsedToken, parseToken } from './format.ts'
import type { TokenIdentity } from './identity.ts'
import type { KeyRing, VerificationKey } from './key-ring.ts'
import { type AnyClaims, isLegacy, LegacyTokens } from './legacy.ts'

/** Whom a token is for. */
export interface TokenSubject {
  readonly userId: number
  readonly sid: string
}

/** A token that was issued or verified here. It saves the cryptography only: its user and session are looked up each time. */
interface Known {
  readonly key: VerificationKey
  readonly claims: Claims
}

/** A token with a good signature, whatever its claims are. */
interface SignedToken extends ParsedToken {
  readonly key: VerificationKey
}

/** Some 1.2 kB each. */
const KNOWN_TOKENS_LIMIT = 10_000

type TokenCore = Pick<Core, 'config' | 'clock'> & { readonly keys: KeyRing; readonly issuedClaims: ClaimRules }

/** Issues tokens, and checks whether one is a valid token of this service, or of the system before it. Knows nothing of users and sessions. */
export class Tokens {
  readonly #core: TokenCore
  readonly #legacy: LegacyTokens | undefined
  readonly #onUnknownIssuer: (claims: Claims) => void
  readonly #known = new LRUCache<string, Known>({ max: KNOWN_TOKENS_LIMIT })
  #verified = 0

  /** @param onUnknownIssuer called when a token that is ours is refused because of its issuer alone */
  constructor(core: TokenCore, onUnknownIssuer: (claims: Claims) => void = () => {}) {
    this.#core = core
    this.#legacy = LegacyTokens.of(core.config)
    this.#onUnknownIssuer = onUnknownIssuer
  }

  /** Tokens that are cached now, and signatures that were verified since the start because a token was not cached. */
  get stats(): { readonly cached: number; readonly verified: number } {
    return { cached: this.#known.size, verified: this.#verified }
  }

  /**
   * A signed token.
   *
   * @param identity when it is that of a token of before, the new one is as good as it; a refresh token is the same letter by letter
   */
  issue(type: TokenType, subject: TokenSubject, { jti, iat, exp }: TokenIdentity): string {
    const { config, keys } = this.#core
    const isProfiled = type === 'access' && config.jwtProfile === 'rfc9068'
    const claims: Claims = {
      token_type: type,
      exp,
      iat,
      jti,
      user_id: subject.userId,
      iss: config.jwtIssuer,
      sub: String(subject.userId),
      ...(config.jwtAudience !== undefined && { aud: config.jwtAudience }),
      sid: subject.sid,
      ...(isProfiled && { client_id: config.jwtClientId }),
    }
    const key = type === 'access' ? keys.current : keys.refreshSigner(iat)
    const token = key.sign(claims, isProfiled ? 'at+jwt' : 'JWT')
    this.#known.set(token, { key, claims })
    return token
  }

  /**
   * The claims of a token that is ours, signed with the key it names, and live now.
   *
   * @param expected the type that is asked for; either when undefined
   * @throws {TokenProblem} for everything else, whatever it is
   * @throws {DatabaseUnavailable} when the key is unknown and the database does not answer, or the key cannot be read here
   */
  async verify(token: string, expected?: TokenType): Promise<Claims> {
    const claims = await this.verifyAny(token, expected)
    if (isLegacy(claims)) throw new TokenProblem('legacy')
    return claims
  }

  /**
   * The same, also for a legacy token: whether its user may still use it is another question. Legacy tokens are never cached, so what the
   * cache finds is ours.
   */
  async verifyAny(token: string, expected?: TokenType): Promise<AnyClaims> {
    // The cache's key is the whole token, header and signature included, so what it finds was checked letter by letter.
    const known = this.#known.get(token)
    const isKnown = known !== undefined && this.#core.keys.find(known.key.kid) === known.key
    return isKnown ? this.#stillGood(known.claims, expected) : this.#verifyUnknown(token, expected)
  }

  /**
   * The claims of a token that is ours, also of one that has expired. For ending a session, and for events; never to
   * grant anything.
   *
   * @returns undefined for everything else
   * @throws {DatabaseUnavailable} when the key is unknown and the database does not answer, or the key cannot be read here
   */
  async recognize(token: string): Promise<Claims | undefined> {
    const claims = await this.recognizeAny(token)
    return claims === undefined || isLegacy(claims) ? undefined : claims
  }

  /** The same, also for a legacy token, be the time of these over or not. */
  async recognizeAny(token: string): Promise<AnyClaims | undefined> {
    const signed = await this.#checkSignature(token, (kid) => this.#core.keys.recall(kid))
    if (signed === undefined) return undefined
    // An expired token is judged as of the last second of its life, and one of a clock that was ahead as of its first.
    const { exp, iat } = signed.payload
    if (typeof exp !== 'number' || typeof iat !== 'number') return undefined
    const at = Math.max(Math.min(toSeconds(this.#core.clock()), exp - 1), iat)
    try {
      return signed.isLegacy ? this.#legacy?.read(signed.payload, at) : await this.#checkClaims(signed, at)
    } catch (error) {
      if (error instanceof TokenProblem) return undefined
      throw error
    }
  }

  async #verifyUnknown(token: string, expected: TokenType | undefined): Promise<AnyClaims> {
    const signed = await this.#checkSignature(token, (kid) => this.#core.keys.search(kid))
    if (signed === undefined) throw new TokenProblem('invalid')
    const now = this.#core.clock()
    if (signed.isLegacy) return (this.#legacy as LegacyTokens).check(signed, now, expected)
    try {
      const claims = await this.#checkClaims(signed, toSeconds(now), expected)
      this.#known.set(token, { key: signed.key, claims })
      return claims
    } catch (error) {
      // Everything else of such a token was in order.
      if (error instanceof TokenProblem && error.fault === 'issuer') this.#onUnknownIssuer(signed.payload as unknown as Claims)
      throw error
    }
  }

  /** Another process may have begun to issue tokens with other claims a moment ago. */
  async #checkClaims({ payload, header, key }: SignedToken, nowSeconds: number, expected?: TokenType): Promise<Claims> {
    const { issuedClaims } = this.#core
    const check = () => checkClaims(payload, header.typ, key, issuedClaims, nowSeconds, expected)
    try {
      return check()
    } catch (error) {
      if (!(error instanceof TokenProblem && (error.fault === 'issuer' || error.fault === 'audience'))) throw error
      await issuedClaims.search()
      return check()
    }
  }

  /** Header and payload of a token that the key it names has signed; or the key of the system before, if it names none. */
  async #checkSignature(token: string, search: KeyRing['search']): Promise<SignedToken | ParsedLegacyToken | undefined> {
    const parsed = parseToken(token)
    if (parsed === undefined) return undefined
    const key = parsed.isLegacy ? this.#legacy : (this.#core.keys.find(parsed.header.kid) ?? (await search(parsed.header.kid)))
    if (key === undefined) return undefined
    this.#verified++
    if (!key.verifies(token)) return undefined
    return parsed.isLegacy ? parsed : { ...parsed, key: key as VerificationKey }
  }

  /** A token that was verified before can only have expired since, or be of another type than is asked for. */
  #stillGood(claims: Claims, expected: TokenType | undefined): Claims {
    const now = toSeconds(this.#core.clock())
    if (!isLive(claims.exp, now) || isAhead(claims.iat, now)) throw new TokenProblem('invalid')
    if (expected !== undefined && claims.token_type !== expected) throw new TokenProblem('wrong_type')
    return claims
  }
}
