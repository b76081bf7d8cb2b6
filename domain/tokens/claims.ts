import { TokenProblem } from '../errors.ts'

export type TokenType = 'access' | 'refresh'

/** The claims of our tokens. Times are seconds since the epoch. */
export interface Claims {
  readonly token_type: TokenType
  readonly exp: number
  readonly iat: number
  readonly jti: string
  readonly user_id: number
  readonly iss: string
  readonly sub: string
  readonly aud?: string
  readonly sid: string
  /** With `JWT_PROFILE=rfc9068`, in access tokens. */
  readonly client_id?: string
}

/** What a key is for. */
export interface KeyUse {
  /** The type of the tokens that it signs. */
  readonly use: TokenType
  /**
   * A key of access tokens that has signed refresh tokens too, before these had keys of their own: those with times up to these, in
   * seconds since the epoch, are good.
   */
  readonly refreshUntil: { readonly iat: number; readonly exp: number } | undefined
}

/** For whom a token is and who has issued it, as far as that can change from token to token. */
export interface ClaimRules {
  isIssuer(iss: string): boolean
  /** RFC 7519 §4.1.3: a text, a list of texts, or nothing. */
  isAudience(aud: unknown): boolean
  /** Resolves when what other processes accept since a moment ago is accepted here, too. */
  search(): Promise<void>
}

/** The `typ` of a token's header (RFC 7519 §5.1): of any, or of an access token as RFC 9068 §2.1 wants it. */
export type HeaderType = 'JWT' | 'at+jwt'

/** What the `typ` of each type of token may be. Access tokens of either are good, whatever `JWT_PROFILE` says now. */
const headerTypes: Readonly<Record<TokenType, readonly string[]>> = { access: ['JWT', 'at+jwt'], refresh: ['JWT'] }

/** How far another host's clock may run ahead of ours. */
const CLOCK_SKEW_SECONDS = 60
/** The end of the year 9999, the last that Simple JWT can read. */
const LAST_TIME = 253_402_300_799

/**
 * The claims of a token whose signature is good, checked. The order of the checks decides which text an answer has: it is
 * Simple JWT's.
 *
 * @param typ the `typ` of its header
 * @param key the key that has signed it
 * @param nowSeconds seconds since the epoch: an expired token is refused before one with a missing claim
 * @param expected the type that is asked for; any of ours when undefined
 * @throws {TokenProblem}
 */
export function checkClaims(
  payload: Readonly<Record<string, unknown>>,
  typ: string,
  key: KeyUse,
  rules: ClaimRules,
  nowSeconds: number,
  expected?: TokenType,
): Claims {
  const { sub } = payload
  if (sub !== undefined && typeof sub !== 'string') throw new TokenProblem('invalid')
  const { type, exp, iat } = checkCommonClaims(payload, nowSeconds, expected)
  if (!maySign(key, type, iat, exp) || !isOurs(payload, typ)) throw new TokenProblem('invalid')
  if (!rules.isIssuer(payload.iss as string)) throw new TokenProblem('issuer')
  // Refresh tokens are for this service alone, whatever audience its access tokens have.
  if (type === 'access' && !rules.isAudience(payload.aud)) throw new TokenProblem('audience')
  return payload as unknown as Claims
}

/** The claims that every token must have. */
export interface CommonClaims {
  readonly type: string
  readonly exp: number
  readonly iat: number
  readonly jti: string
}

/** Checks the claims that every token must have, whoever has issued it. Parameters as those of `checkClaims`. @throws {TokenProblem} */
export function checkCommonClaims(
  { token_type: type, exp, iat, nbf, jti }: Readonly<Record<string, unknown>>,
  nowSeconds: number,
  expected?: TokenType,
): CommonClaims {
  if (![exp, iat, nbf].every((time) => time === undefined || isTime(time))) throw new TokenProblem('invalid')
  if (jti !== undefined && (typeof jti !== 'string' || jti === '')) throw new TokenProblem('invalid')
  if (isAhead(iat, nowSeconds) || isAhead(nbf, nowSeconds)) throw new TokenProblem('invalid')
  if (exp === undefined) throw new TokenProblem('no_exp')
  if (!isLive(exp as number, nowSeconds)) throw new TokenProblem('invalid')
  if (jti === undefined) throw new TokenProblem('no_id')
  if (type === undefined) throw new TokenProblem('no_type')
  if (typeof type !== 'string') throw new TokenProblem('invalid')
  if (expected !== undefined && type !== expected) throw new TokenProblem('wrong_type')
  if (iat === undefined) throw new TokenProblem('invalid')
  return { type, exp: exp as number, iat: iat as number, jti }
}

/** Good while `exp` is after now; no leeway. */
export function isLive(exp: number, nowSeconds: number): boolean {
  return exp > nowSeconds
}

function isTime(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= LAST_TIME
}

/** Whether a time of another host's clock is further ahead than two clocks may differ. */
export function isAhead(time: unknown, nowSeconds: number): boolean {
  return (time as number) > nowSeconds + CLOCK_SKEW_SECONDS
}

/** Whether tokens of this type and these times are what the key is for: the key of one type must not vouch for a token of the other. */
function maySign({ use, refreshUntil }: KeyUse, type: string, iat: number, exp: number): boolean {
  if (type === use) return true
  return type === 'refresh' && refreshUntil !== undefined && iat <= refreshUntil.iat && exp <= refreshUntil.exp
}

function isOurs(payload: Readonly<Record<string, unknown>>, typ: string): boolean {
  const { token_type: type, user_id: userId, sub, sid, iss } = payload
  return (
    headerTypes[type as TokenType]?.includes(typ) &&
    Number.isSafeInteger(userId) &&
    sub === String(userId) &&
    typeof sid === 'string' &&
    /^[1-9]\d{0,15}(-[\w-]{22})?$/.test(sid) &&
    typeof iss === 'string'
  )
}
