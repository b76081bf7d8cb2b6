import type { Generated, Insertable, Selectable } from 'kysely'

/** Instants are integer milliseconds since the epoch, times that stand in tokens integer seconds, flags 0 or 1. */
export interface Tables {
  users: UsersTable
  sessions: SessionsTable
  signing_keys: SigningKeysTable
}

interface UsersTable {
  /** Never used twice: foreign key in the systems around this one. */
  id: Generated<number>
  username: string
  /** `fold(username)`; names that differ only by case or compatibility form share it. */
  username_key: string
  /** Hash in PHC string format. */
  password: string
  is_active: Generated<0 | 1>
  created_at: number
}

interface SessionsTable {
  /** The `sid` of its tokens, as a decimal string there. */
  id: Generated<number>
  user_id: number
  created_at: number
  /** The last login or rotation. */
  refreshed_at: number
  /** The absolute end, which no rotation moves. */
  expires_at: number
  /** `jti`, `iat` and `exp` of the refresh token that is current: enough to sign the same one again. */
  refresh_jti: string
  refresh_iat: number
  refresh_exp: number
  /** JSON array of `{ jti, at }`: the newest replaced refresh tokens, oldest first, `at` in milliseconds. */
  replaced: string
  ended_at: number | null
  end_reason: EndReason | null
}

export type EndReason = 'reuse_detected'

interface SigningKeysTable {
  kid: string
  algorithm: string
  /** PKCS #8 PEM; null for `HS256`, whose key is a setting and never stored. */
  private_key: string | null
  created_at: number
}

export type User = Selectable<UsersTable>
export type NewUser = Insertable<UsersTable>
export type Session = Selectable<SessionsTable>
export type NewSession = Insertable<SessionsTable>
export type SigningKeyRow = Selectable<SigningKeysTable>
