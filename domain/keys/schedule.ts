import type { Config } from '../../config.ts'
import type { SigningKeyRow } from '../../db/schema.ts'
import type { SigningKeyUpdate } from '../../db/signing-keys.ts'
import { CLOCKS_DIFFER_MS } from '../clock.ts'
import type { TokenType } from '../tokens/claims.ts'
import type { Algorithm } from '../tokens/signatures.ts'
import { secretKid } from './generate.ts'

// Which key signs, which keys are needed, and when they end. All instants are milliseconds since the epoch.

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

/** A key that is to be made. */
export interface DueKey {
  readonly use: TokenType
  readonly signsFrom: number
}

/**
 * The keys that are missing.
 *
 * @param isSteady whether the clock can be relied on: otherwise only what is needed to sign at all is made
 */
export function dueKeys(rows: readonly SigningKeyRow[], rules: KeyRules, now: number, isSteady: boolean): DueKey[] {
  const candidates = rows.filter((row) => maySign(row, rules) && !(isSteady && isOfTheFuture(row, now)))
  const of = (use: TokenType) => candidates.filter((row) => row.use === use)
  return [...dueAccessKeys(of('access'), rules, now, isSteady), ...dueRefreshKeys(of('refresh'), rules, now, isSteady)]
}

/** One signs, and the next is published ahead. A secret has no next: it is not published. */
function dueAccessKeys(candidates: readonly SigningKeyRow[], rules: KeyRules, now: number, isSteady: boolean): DueKey[] {
  const first: DueKey = { use: 'access', signsFrom: now }
  const next: DueKey = { use: 'access', signsFrom: NOT_YET }
  if (rules.algorithm === 'HS256') return candidates.length === 0 ? [first] : []
  if (candidates.length === 0) return [first, next]
  return isSteady && candidates.every(({ signs_from }) => signs_from <= now) ? [next] : []
}

function dueRefreshKeys(candidates: readonly SigningKeyRow[], rules: KeyRules, now: number, isSteady: boolean): DueKey[] {
  if (candidates.length === 0) return [{ use: 'refresh', signsFrom: now }]
  const isOver = candidates.every(({ created_at }) => created_at + rules.rotationIntervalMs <= now)
  return isSteady && isOver ? [{ use: 'refresh', signsFrom: refreshSignsFrom(now) }] : []
}

/** When a key of refresh tokens that is made now signs. It is not published, so it signs as soon as every process has it. */
export function refreshSignsFrom(now: number): number {
  return now + TAKEN_UP_WITHIN_MS
}

const LEAST_LEASE_MS = 5000
const LONGEST_LEASE_MS = 600_000

/**
 * How long a process may sign with a key after it wrote `used_at`. With such leases no process needs to know which others
 * there are and how they are set: a key whose lease has run out is not in use.
 */
function leaseMs({ token_ttl }: SigningKeyRow): number {
  return Math.min(Math.max(token_ttl * 100, LEAST_LEASE_MS), LONGEST_LEASE_MS)
}

/** When the last token that the key can have signed expires. */
export function lastExpiry(row: SigningKeyRow): number {
  return row.token_ttl === 0 ? Number.POSITIVE_INFINITY : row.used_at + leaseMs(row) + row.token_ttl * 1000
}

/** How long the row of a key stays for the operator to see after its last token has expired. */
const ROW_KEPT_MS = 86_400_000
/** Keys of refresh tokens that are kept to recognize tokens: with a short rotation interval there would be millions. */
const RECOGNIZED_LIMIT = 200

export interface KeyChange {
  readonly kid: string
  readonly change: SigningKeyUpdate | 'delete'
}

/** The `kid` of the key with which a process signs tokens of each type; undefined where it has none that may sign. */
export type Signing = Readonly<Record<TokenType, string | undefined>>

/**
 * What is due to the keys that are there, by a process that signs with some of them.
 *
 * @param rows newest first
 * @param isSteady whether the clock can be relied on: otherwise no key ends, and none takes over
 */
export function dueChanges(rows: readonly SigningKeyRow[], rules: KeyRules, signing: Signing, now: number, isSteady: boolean): KeyChange[] {
  const takesOver = isSteady ? rotation(rows, rules, now) : undefined
  const surplus = new Set(rows.filter(({ use }) => use === 'refresh').slice(RECOGNIZED_LIMIT))
  return rows
    .filter(({ retired_at }) => retired_at === null)
    .flatMap((row) => {
      const { kid } = row
      const isSigning = kid === signing[row.use]
      const isKept = isSigning || (maySign(row, rules) && row.signs_from > now && !isOfTheFuture(row, now))
      const change = isKept ? useOf(row, isSigning, now) : isSteady ? endOf(row, rules, surplus.has(row), now) : undefined
      if (change === 'delete') return { kid, change }
      const all = { ...change, ...lifeOf(row, rules, isKept, now), ...(kid === takesOver && { signs_from: now, used_at: now }) }
      return Object.keys(all).length > 0 ? { kid, change: all } : []
    })
}

/** The `kid` of the next key of access tokens, once the one that signs has done so for the interval. */
function rotation(rows: readonly SigningKeyRow[], rules: KeyRules, now: number): string | undefined {
  const next = waitingKey(rows, rules, now)
  const current = signingKey(
    rows.filter((row) => row.use === 'access' && maySign(row, rules)),
    now,
  )
  const isDue = next !== undefined && current !== undefined && plannedStart(next, current, rules) <= now
  return isDue ? next.kid : undefined
}

/** When a key that waits will take over from the one that signs. */
export function plannedStart(next: Start, current: Start, rules: KeyRules): number {
  return Math.max(readyAt(next, rules), current.signs_from + rules.rotationIntervalMs)
}

/** Renews the lease of a key that signs, or will, before it runs out. A lease from a clock that was far ahead is corrected. */
function useOf(row: SigningKeyRow, isSigning: boolean, now: number): SigningKeyUpdate | undefined {
  const isBegun = !isSigning || row.signs_from <= now
  const isRecent = now - row.used_at < leaseMs(row) / 2 && row.used_at <= now + CLOCKS_DIFFER_MS
  return isBegun && isRecent ? undefined : { used_at: now, ...(isSigning && { signs_from: Math.min(row.signs_from, now) }) }
}

/** A key that signs, or will, outlives the tokens of today's settings. */
function lifeOf(row: SigningKeyRow, rules: KeyRules, isKept: boolean, now: number): SigningKeyUpdate | undefined {
  const { access, refresh } = rules.ttlSeconds
  const ttl = row.refresh_until === null ? rules.ttlSeconds[row.use] : Math.max(access, refresh)
  // A key from before this column was kept: it may have signed until now.
  if (row.token_ttl === 0) return { token_ttl: ttl, used_at: now }
  return isKept && row.token_ttl < ttl ? { token_ttl: ttl } : undefined
}

function endOf(row: SigningKeyRow, rules: KeyRules, isSurplus: boolean, now: number): SigningKeyUpdate | 'delete' | undefined {
  if (row.used_at > now + CLOCKS_DIFFER_MS) return { used_at: now }
  const end = lastExpiry(row)
  const keptMs = row.use === 'refresh' ? Math.max(rules.recognitionMs, ROW_KEPT_MS) : ROW_KEPT_MS
  if (end + (isSurplus ? 0 : keptMs) <= now) return 'delete'
  return end <= now && row.use === 'access' && row.private_key !== null ? { private_key: null } : undefined
}
