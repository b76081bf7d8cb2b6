import type { Config } from '../../config.ts'
import type { SigningKeyRow } from '../../db/schema.ts'
import { CLOCKS_DIFFER_MS } from '../clock.ts'
import type { Algorithm } from '../tokens/algorithms.ts'
import type { TokenType } from '../tokens/claims.ts'
import { secretKid } from './generate.ts'

// Which key signs, since when, and how long its tokens can live. All instants are milliseconds since the epoch.

/** What decides which keys sign, and how long the others stay. */
export interface KeyRules {
  /** Of access tokens. Refresh tokens are always signed with `HS256`. */
  readonly algorithm: Algorithm
  /** The `kid` of `JWT_SECRET`. */
  readonly secretKid: string | undefined
  /** How long a key is published before it signs. */
  readonly publicationMs: number
  readonly rotationIntervalMs: number
  /** The longest life of a token of each type. */
  readonly ttlSeconds: Readonly<Record<TokenType, number>>
  /** How long a key of refresh tokens is kept after its last token has expired, to recognize these. */
  readonly recognitionMs: number
}

/** Every process knows a new key within this time: see `LOOK_EVERY_MS` in ring.ts. */
const TAKEN_UP_WITHIN_MS = 1000
/** How long an answer without the new key may be under way; a verifier caches it from its arrival. */
const UNDER_WAY_MS = 1000

export function keyRules(config: Config): KeyRules {
  return {
    algorithm: config.jwtAlgorithm,
    secretKid: config.jwtSecret === undefined ? undefined : secretKid(config.jwtSecret),
    publicationMs: config.jwksMaxAgeSeconds * 1000 + TAKEN_UP_WITHIN_MS + UNDER_WAY_MS,
    rotationIntervalMs: config.keyRotationIntervalSeconds * 1000,
    // Not bounded by SESSION_MAX_AGE: a session may have begun when that was longer.
    ttlSeconds: { access: config.accessTokenTtlSeconds, refresh: config.refreshTokenTtlSeconds },
    recognitionMs: config.knownAddressHistorySeconds * 1000,
  }
}

/** Whether the row of a secret: it is a setting and not in the row, and all processes must have the same. */
export function isSecret({ use, algorithm }: Pick<SigningKeyRow, 'use' | 'algorithm'>): boolean {
  return use === 'access' && algorithm === 'HS256'
}

/** Whether this process has what the key verifies with. */
export function isUsable(row: SigningKeyRow, rules: KeyRules): boolean {
  if (row.retired_at !== null) return false
  return isSecret(row) ? row.kid === rules.secretKid : row.private_key !== null
}

/** Whether the key may sign new tokens of its type, once it has been published long enough. */
export function maySign(row: SigningKeyRow, rules: KeyRules): boolean {
  return (row.use === 'refresh' || row.algorithm === rules.algorithm) && isUsable(row, rules)
}

/** Whether a key was made by a clock that was far ahead. It verifies, but is neither signed with nor rotated by: it would stay the newest for years. */
export function isOfTheFuture({ created_at }: Pick<SigningKeyRow, 'created_at'>, now: number): boolean {
  return created_at > now + CLOCKS_DIFFER_MS
}

type Start = Pick<SigningKeyRow, 'signs_from' | 'created_at'>

/**
 * The key that signs: of those that have been published long enough the newest, else the one published longest.
 *
 * @param candidates those that may sign tokens of one type
 */
export function signingKey<T extends Start>(candidates: readonly T[], now: number): T | undefined {
  const ofThePast = candidates.filter((one) => !isOfTheFuture(one, now))
  const latestFirst = (ofThePast.length > 0 ? ofThePast : candidates).toSorted(
    (a, b) => b.signs_from - a.signs_from || b.created_at - a.created_at,
  )
  return latestFirst.find(({ signs_from }) => signs_from <= now) ?? latestFirst.at(-1)
}

/** The key that signs tokens of a type, by the settings of this process. */
export function signingRow(rows: readonly SigningKeyRow[], use: TokenType, rules: KeyRules, now: number): SigningKeyRow | undefined {
  return signingKey(
    rows.filter((row) => row.use === use && maySign(row, rules)),
    now,
  )
}

/** `signs_from` of a key that is published ahead: it signs when a rotation or the retirement of the one before sets another. The year 9999. */
export const NOT_YET = 253_402_300_799_000

/** The next key of access tokens, which is published ahead and waits. A `signs_from` that a clock far ahead has set counts as none. */
export function waitingKey(rows: readonly SigningKeyRow[], rules: KeyRules, now: number): SigningKeyRow | undefined {
  const isWaiting = (row: SigningKeyRow) => row.use === 'access' && maySign(row, rules) && row.signs_from > now + rules.publicationMs
  return rows.find((row) => isWaiting(row) && !isOfTheFuture(row, now))
}

/** When a key that waits may sign, so that every verifier knows it by then. */
export function readyAt({ created_at }: Start, { publicationMs }: KeyRules): number {
  return created_at + publicationMs
}

/** When a key that waits will take over from the one that signs. */
export function plannedStart(next: Start, current: Start, rules: KeyRules): number {
  return Math.max(readyAt(next, rules), current.signs_from + rules.rotationIntervalMs)
}

/** When a key of refresh tokens that is made now signs. It is not published, so it signs as soon as every process has it. */
export function refreshSignsFrom(now: number): number {
  return now + TAKEN_UP_WITHIN_MS
}

/** The `kid` of the key with which a process signs tokens of each type; undefined where it has none that may sign. */
export type Signing = Readonly<Record<TokenType, string | undefined>>

const LEAST_LEASE_MS = 5000
const LONGEST_LEASE_MS = 600_000

/**
 * How long a process may sign with a key after it wrote `used_at`. With such leases no process needs to know which others
 * there are and how they are set: a key whose lease has run out is not in use.
 */
export function leaseMs({ token_ttl }: SigningKeyRow): number {
  return Math.min(Math.max(token_ttl * 100, LEAST_LEASE_MS), LONGEST_LEASE_MS)
}

/** When the last token that the key can have signed expires. */
export function lastExpiry(row: SigningKeyRow): number {
  return row.token_ttl === 0 ? Number.POSITIVE_INFINITY : row.used_at + leaseMs(row) + row.token_ttl * 1000
}
