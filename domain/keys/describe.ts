import type { SigningKeyRow } from '../../db/schema.ts'
import type { Core } from '../context.ts'
import type { TokenType } from '../tokens/claims.ts'
import { isUsable, type KeyRules, keyRules, lastExpiry, maySign, plannedStart, type Signing, signingRow, waitingKey } from './schedule.ts'

// What the operator sees of the keys.

/**
 * - `pending`: published, and signs from `signsFrom` on;
 * - `signing`: signs new tokens, with `JWT_ALGORITHM` those of access;
 * - `verifying`: signs no more, but verifies the tokens that it has signed;
 * - `ended`: its last token has expired;
 * - `retired`: withdrawn by the operator, with all its tokens.
 */
export type KeyState = 'pending' | 'signing' | 'verifying' | 'ended' | 'retired'

/** A key as the operator sees it. Instants are milliseconds since the epoch. */
export interface KeyInfo {
  readonly kid: string
  /** The type of the tokens that it signs. */
  readonly use: TokenType
  readonly algorithm: string
  readonly state: KeyState
  readonly createdAt: number
  /** Of the next key, which waits for its rotation: when that is planned. */
  readonly signsFrom: number
  /** When the last token that it can have signed so far expires, or is refused because the key is retired. */
  readonly verifiesUntil: number
  readonly retiredAt: number | null
}

/** @param rows all keys */
export function keyInfo(row: SigningKeyRow, rows: readonly SigningKeyRow[], core: Core): KeyInfo {
  const rules = keyRules(core.config)
  const now = core.clock()
  const current = signingRow(rows, row.use, rules, now)
  const isWaiting = row.kid !== current?.kid && row.kid === waitingKey(rows, rules, now)?.kid
  const signsFrom = isWaiting && current !== undefined ? plannedStart(row, current, rules) : row.signs_from
  return {
    kid: row.kid,
    use: row.use,
    algorithm: row.algorithm,
    state: stateOf(row, current, rules, now),
    createdAt: row.created_at,
    signsFrom,
    verifiesUntil: row.retired_at ?? lastExpiry({ ...row, used_at: Math.max(row.used_at, signsFrom) }),
    retiredAt: row.retired_at,
  }
}

function stateOf(row: SigningKeyRow, current: SigningKeyRow | undefined, rules: KeyRules, now: number): KeyState {
  if (row.retired_at !== null) return 'retired'
  if (row.kid === current?.kid) return 'signing'
  if (maySign(row, rules) && row.signs_from > now) return 'pending'
  return !isUsable(row, rules) || lastExpiry(row) <= now ? 'ended' : 'verifying'
}

/** The keys that sign tokens of each type, by the settings of this process. */
export function signingOf(rows: readonly SigningKeyRow[], { config, clock }: Core): Signing {
  const kidOf = (use: TokenType) => signingRow(rows, use, keyRules(config), clock())?.kid
  return { access: kidOf('access'), refresh: kidOf('refresh') }
}
