import type { SigningKeyRow } from '../../db/schema.ts'
import type { SigningKeyUpdate } from '../../db/signing-keys.ts'
import type { TokenType } from '../tokens/claims.ts'
import {
  isOfTheFuture,
  type KeyRules,
  lastExpiry,
  leaseMs,
  maySign,
  NOT_YET,
  plannedStart,
  refreshSignsFrom,
  type Signing,
  signingRow,
  waitingKey,
} from './schedule.ts'

// What is to be done to the keys. All instants are milliseconds since the epoch.

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

/** Keys that verify refresh tokens at the same time: these live long, and with a short rotation interval there would be very many. */
const LIVE_REFRESH_KEYS = 100

function dueRefreshKeys(candidates: readonly SigningKeyRow[], rules: KeyRules, now: number, isSteady: boolean): DueKey[] {
  if (candidates.length === 0) return [{ use: 'refresh', signsFrom: now }]
  const intervalMs = Math.max(rules.rotationIntervalMs, (rules.ttlSeconds.refresh * 1000) / LIVE_REFRESH_KEYS)
  const isOver = candidates.every(({ created_at }) => created_at + intervalMs <= now)
  return isSteady && isOver ? [{ use: 'refresh', signsFrom: refreshSignsFrom(now) }] : []
}

/** How long the row of a key stays for the operator to see after its last token has expired. */
const ROW_KEPT_MS = 86_400_000
/** Of each use, the keys whose row stays after their end: with a short rotation interval there would be very many. */
const KEPT_LIMIT = 200

export interface KeyChange {
  readonly kid: string
  readonly change: SigningKeyUpdate | 'delete'
}

/**
 * What is due to the keys that are there, by a process that signs with some of them.
 *
 * @param rows newest first
 * @param isSteady whether the clock can be relied on: otherwise nothing is due, for the times that would be written are wrong
 */
export function dueChanges(rows: readonly SigningKeyRow[], rules: KeyRules, signing: Signing, now: number, isSteady: boolean): KeyChange[] {
  if (!isSteady) return []
  const takesOver = dueRotation(rows, rules, now)
  const surplus = new Set((['access', 'refresh'] as const).flatMap((use) => rows.filter((row) => row.use === use).slice(KEPT_LIMIT)))
  return rows
    .filter(({ retired_at }) => retired_at === null)
    .flatMap((row) => {
      const { kid } = row
      const isSigning = kid === signing[row.use]
      const isKept = isSigning || (maySign(row, rules) && row.signs_from > now && !isOfTheFuture(row, now))
      const change = isKept ? useOf(row, isSigning, now) : endOf(row, rules, surplus.has(row), now)
      if (change === 'delete') return { kid, change }
      const all = { ...change, ...lifeOf(row, rules, isKept, now), ...(kid === takesOver && { signs_from: now, used_at: now }) }
      return Object.keys(all).length > 0 ? { kid, change: all } : []
    })
}

/** The `kid` of the next key of access tokens, once the one that signs has done so for the interval. */
export function dueRotation(rows: readonly SigningKeyRow[], rules: KeyRules, now: number): string | undefined {
  const next = waitingKey(rows, rules, now)
  const current = signingRow(rows, 'access', rules, now)
  const isDue = next !== undefined && current !== undefined && plannedStart(next, current, rules) <= now
  return isDue ? next.kid : undefined
}

/**
 * Renews the lease of a key that signs, or will, before it runs out. A later lease stays: whose clock is right, ours or the one of the
 * process that wrote it, is not known, and a lease that is too short ends the key and logs people out.
 */
function useOf(row: SigningKeyRow, isSigning: boolean, now: number): SigningKeyUpdate | undefined {
  const isBegun = !isSigning || row.signs_from <= now
  if (isBegun && now - row.used_at < leaseMs(row) / 2) return undefined
  return { used_at: Math.max(row.used_at, now), ...(isSigning && { signs_from: Math.min(row.signs_from, now) }) }
}

/** A key that signs, or will, outlives the tokens of today's settings. */
function lifeOf(row: SigningKeyRow, rules: KeyRules, isKept: boolean, now: number): SigningKeyUpdate | undefined {
  const { access, refresh } = rules.ttlSeconds
  const ttl = rules.ttlSeconds[row.use]
  // The last refresh token that it has signed is dead: from now on it is like any other.
  if (row.refresh_until !== null && row.token_ttl > 0 && (row.refresh_until + row.token_ttl) * 1000 <= now) {
    return { refresh_until: null, token_ttl: access }
  }
  // A key from before this column was kept: it may have signed until now.
  if (row.token_ttl === 0) {
    return { token_ttl: row.refresh_until === null ? ttl : Math.max(access, refresh), used_at: Math.max(row.used_at, now) }
  }
  return isKept && row.token_ttl < ttl ? { token_ttl: ttl } : undefined
}

function endOf(row: SigningKeyRow, rules: KeyRules, isSurplus: boolean, now: number): SigningKeyUpdate | 'delete' | undefined {
  const end = lastExpiry(row)
  const keptMs = row.use === 'refresh' ? Math.max(rules.recognitionMs, ROW_KEPT_MS) : ROW_KEPT_MS
  if (end + (isSurplus ? 0 : keptMs) <= now) return 'delete'
  return end <= now && row.use === 'access' && row.private_key !== null ? { private_key: null } : undefined
}
