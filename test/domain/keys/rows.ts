import { loadConfig } from '../../../config.ts'
import type { SigningKeyRow } from '../../../db/schema.ts'
import { dueChanges } from '../../../domain/keys/due.ts'
import { type KeyRules, keyRules } from '../../../domain/keys/schedule.ts'
import { START } from '../../helper.ts'

export const SECRET = 'a secret of at least thirty-two bytes'
export const DAY = 86_400_000
export const LEASE = 600_000

export const settings = loadConfig({})
export const rules = keyRules(settings)

export function key(kid: string, row: Partial<SigningKeyRow> = {}): SigningKeyRow {
  return {
    kid,
    use: 'access',
    refresh_until: null,
    algorithm: 'ES256',
    private_key: 'private',
    public_key: 'public',
    created_at: START,
    signs_from: START,
    used_at: START,
    token_ttl: 86_400,
    retired_at: null,
    ...row,
  }
}

/** The changes that are due at an instant, by a process whose key of access tokens is `signingKid`. */
export const dueAt = (rows: SigningKeyRow[], now: number, signingKid?: string, by: KeyRules = rules) =>
  dueChanges(rows, by, { access: signingKid, refresh: undefined }, now, true)
