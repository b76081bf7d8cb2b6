import type { Config } from '../../config.ts'
import type { SigningKeyRow } from '../../db/schema.ts'
import type { SigningKeyUpdate } from '../../db/signing-keys.ts'
import type { Algorithm } from '../tokens/signatures.ts'
import { secretKid } from './generate.ts'

/** What decides which key signs, and how long the others stay. */
export interface KeyRules {
  readonly algorithm: Algorithm
  /** The `kid` of `JWT_SECRET`. */
  readonly secretKid: string | undefined
  /** How long a key is published before it signs. */
  readonly publicationMs: number
  readonly rotationIntervalMs: number
  readonly tokenTtlSeconds: number
}

/** Every process publishes a new key within this time: see `LOOK_EVERY_MS` in ring.ts. */
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
    tokenTtlSeconds: Math.max(config.accessTokenTtlSeconds, config.refreshTokenTtlSeconds),
  }
}

/** Whether the key verifies in this process. The row of a secret needs the same `JWT_SECRET` in the settings. */
export function isUsable(row: SigningKeyRow, rules: KeyRules): boolean {
  if (row.retired_at !== null) return false
  return row.algorithm === 'HS256' ? row.kid === rules.secretKid : row.private_key !== null
}

/** Whether the key may sign new tokens, once it has been published long enough. */
export function maySign(row: SigningKeyRow, rules: KeyRules): boolean {
  return row.algorithm === rules.algorithm && isUsable(row, rules)
}

type Start = Pick<SigningKeyRow, 'signs_from' | 'created_at'>

/**
 * The key that signs: of those that have been published long enough the newest, else the one published longest.
 *
 * @param candidates those that may sign
 * @param now milliseconds since the epoch
 */
export function signingKey<T extends Start>(candidates: readonly T[], now: number): T | undefined {
  const latestFirst = candidates.toSorted((a, b) => b.signs_from - a.signs_from || b.created_at - a.created_at)
  return latestFirst.find(({ signs_from }) => signs_from <= now) ?? latestFirst.at(-1)
}

/** When a key that is made now begins to sign, in milliseconds since the epoch: at once where no other key may sign. */
export function signsFrom(rows: readonly SigningKeyRow[], rules: KeyRules, now: number): number {
  return rows.some((row) => maySign(row, rules)) ? now + rules.publicationMs : now
}

/** Whether a new key is to be made: there is none, or the youngest is as old as the interval. `JWT_SECRET` is rotated by whoever sets it. */
export function isKeyDue(rows: readonly SigningKeyRow[], rules: KeyRules, now: number): boolean {
  if (rules.algorithm === 'HS256') return !rows.some(({ kid }) => kid === rules.secretKid)
  return rows.filter((row) => maySign(row, rules)).every((row) => row.created_at + rules.rotationIntervalMs <= now)
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

function lastUse(row: SigningKeyRow): number {
  return row.used_at + leaseMs(row)
}

/**
 * When the last token that the key can have signed expires, in milliseconds since the epoch.
 *
 * A key also signs refresh tokens anew that an earlier key had signed, with their old expiry, when a client asks for the
 * same successor again. So the lives of the tokens of all earlier keys count, too.
 */
export function lastExpiry(row: SigningKeyRow, rows: readonly SigningKeyRow[]): number {
  const until = lastUse(row)
  const signedBefore = rows.filter(({ signs_from }) => signs_from <= until)
  return Math.max(...signedBefore.map((other) => Math.min(lastUse(other), until) + other.token_ttl * 1000))
}

/** How long the row of a key stays for the operator to see after its last token has expired. */
const ROW_KEPT_MS = 86_400_000

export interface KeyChange {
  readonly kid: string
  readonly change: SigningKeyUpdate | 'delete'
}

/**
 * What is due to the keys that are there, by a process that signs with one of them.
 *
 * @param signingKid undefined when it has none that may sign
 * @param now milliseconds since the epoch
 */
export function dueChanges(rows: readonly SigningKeyRow[], rules: KeyRules, signingKid: string | undefined, now: number): KeyChange[] {
  return rows
    .filter(({ retired_at }) => retired_at === null)
    .flatMap((row) => {
      const isSigning = row.kid === signingKid
      const mayYetSign = isSigning || (maySign(row, rules) && row.signs_from > now)
      const change = isSigning ? useOf(row, now) : endOf(row, rows, now)
      if (change === 'delete') return { kid: row.kid, change }
      const all = { ...change, ...lifeOf(row, rules, mayYetSign, now) }
      return Object.keys(all).length > 0 ? { kid: row.kid, change: all } : []
    })
}

/** Renews the lease of the key that signs, before it runs out. */
function useOf(row: SigningKeyRow, now: number): SigningKeyUpdate | undefined {
  const isRecent = row.signs_from <= now && now - row.used_at < leaseMs(row) / 2
  return isRecent ? undefined : { used_at: now, signs_from: Math.min(row.signs_from, now) }
}

/** A key that signs outlives the tokens of today's settings. */
function lifeOf({ token_ttl }: SigningKeyRow, rules: KeyRules, mayYetSign: boolean, now: number): SigningKeyUpdate | undefined {
  // A key from before this column was kept: it may have signed until now.
  if (token_ttl === 0) return { token_ttl: rules.tokenTtlSeconds, used_at: now }
  return mayYetSign && token_ttl < rules.tokenTtlSeconds ? { token_ttl: rules.tokenTtlSeconds } : undefined
}

function endOf(row: SigningKeyRow, rows: readonly SigningKeyRow[], now: number): SigningKeyUpdate | 'delete' | undefined {
  const end = row.token_ttl === 0 ? Number.POSITIVE_INFINITY : lastExpiry(row, rows)
  if (end + ROW_KEPT_MS <= now) return 'delete'
  return end <= now && row.private_key !== null ? { private_key: null } : undefined
}
