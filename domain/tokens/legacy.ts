import type { Config } from '../../config.ts'
import { toSeconds } from '../clock.ts'
import { TokenProblem } from '../errors.ts'
import { codePoints, isStorable } from '../text.ts'
import { type Algorithm, algorithmOfPublicKey } from './algorithms.ts'
import { type Claims, checkCommonClaims, type TokenType } from './claims.ts'
import type { ParsedLegacyToken } from './format.ts'
import { signatureVerifier } from './signatures.ts'

// Legacy tokens are those of the system that users were imported from, as Simple JWT makes them. They name no session, so what becomes of one here
// is kept by its `jti`.

/** The claims of a legacy token. Times are seconds since the epoch. */
export interface LegacyClaims {
  readonly token_type: TokenType
  readonly exp: number
  readonly iat: number
  readonly jti: string
  readonly user_id: number
  readonly iss?: string
  readonly aud?: string
  /** Of Simple JWT's `CHECK_REVOKE_TOKEN`: the MD5 of the password's hash. Undefined for a token that has none. */
  readonly hash_password: unknown
}

/** The claims of a token of either kind. */
export type AnyClaims = Claims | LegacyClaims

export function isLegacy(claims: AnyClaims): claims is LegacyClaims {
  return !('sid' in claims)
}

type LegacyConfig = Pick<
  Config,
  'legacyJwtSecret' | 'legacyJwtPublicKey' | 'legacyJwtUntil' | 'legacyJwtIssuer' | 'legacyJwtAudience' | 'legacyJwtUserClaim'
>

/** What the column of the other system's table holds, in code points. */
const JTI_LENGTH_LIMIT = 255
const DIGITS = /^[1-9]\d{0,15}$/

/** Checks legacy tokens by themselves. Knows nothing of users, and of what became of a token. */
export class LegacyTokens {
  readonly #config: LegacyConfig
  readonly #verifies: (token: string) => boolean

  /** @returns undefined where no key is set */
  static of(config: LegacyConfig): LegacyTokens | undefined {
    const { legacyJwtSecret: secret, legacyJwtPublicKey: publicKey } = config
    if (secret !== undefined) return new LegacyTokens(config, signatureVerifier('HS256', secret))
    if (publicKey === undefined) return undefined
    return new LegacyTokens(config, signatureVerifier(algorithmOfPublicKey(publicKey) as Algorithm, publicKey))
  }

  private constructor(config: LegacyConfig, verifies: (token: string) => boolean) {
    this.#config = config
    this.#verifies = verifies
  }

  /** Whether the signature is good, of the one algorithm of the key. */
  verifies(token: string): boolean {
    return this.#verifies(token)
  }

  /**
   * The claims of a token whose signature is good, and which is live now.
   *
   * @param now milliseconds since the epoch
   * @param expected the type that is asked for; either when undefined
   * @throws {TokenProblem}
   */
  check({ payload }: ParsedLegacyToken, now: number, expected?: TokenType): LegacyClaims {
    const claims = this.read(payload, toSeconds(now), expected)
    if (now >= (this.#config.legacyJwtUntil ?? 0)) throw new TokenProblem('invalid')
    return claims
  }

  /** The same, whether the time of legacy tokens is over or not. @param at seconds since the epoch */
  read(payload: ParsedLegacyToken['payload'], at: number, expected?: TokenType): LegacyClaims {
    const { legacyJwtUserClaim: userClaim = 'user_id' } = this.#config
    const { type, exp, iat, jti } = checkCommonClaims(payload, at, expected)
    const user_id = idOf(payload[userClaim])
    const isKnownType = type === 'access' || type === 'refresh'
    const isFit = codePoints(jti) <= JTI_LENGTH_LIMIT && isStorable(jti)
    if (!isKnownType || !isFit || user_id === undefined || !this.#isForUs(payload)) throw new TokenProblem('invalid')
    return { token_type: type, exp, iat, jti, user_id, ...this.#audienceOf(payload), hash_password: payload.hash_password }
  }

  /** As in Simple JWT, what is not set is not looked at. */
  #isForUs({ iss, aud }: ParsedLegacyToken['payload']): boolean {
    const { legacyJwtIssuer: issuer, legacyJwtAudience: audience } = this.#config
    const isAudience = audience === undefined || aud === audience || (Array.isArray(aud) && aud.includes(audience))
    return isAudience && (issuer === undefined || iss === issuer)
  }

  /** Of a list of audiences the one that was asked for. */
  #audienceOf({ iss, aud }: ParsedLegacyToken['payload']): Pick<LegacyClaims, 'iss' | 'aud'> {
    const one = typeof aud === 'string' ? aud : this.#config.legacyJwtAudience
    return { ...(typeof iss === 'string' && { iss }), ...(one !== undefined && { aud: one }) }
  }
}

/** Up to 5.5.0 Simple JWT writes the id as a number, and from 5.5.1 on as a text. */
function idOf(value: unknown): number | undefined {
  const id = typeof value === 'string' && DIGITS.test(value) ? Number(value) : value
  return Number.isSafeInteger(id) && (id as number) > 0 ? (id as number) : undefined
}
