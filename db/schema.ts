import type { Generated, Insertable, Selectable } from 'kysely'

/** Instants are integer milliseconds since the epoch, times that stand in tokens integer seconds, flags 0 or 1. */
export interface Tables {
  users: UsersTable
  sessions: SessionsTable
  auth_events: AuthEventsTable
  signing_keys: SigningKeysTable
  clients: ClientsTable
  tallies: TalliesTable
  known_addresses: KnownAddressesTable
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
  /** The refresh token whose successor has not been seen yet, with `REFRESH_ROTATION=confirmed`. */
  pending_jti: string | null
  /** Where the last login or rotation came from: address and `User-Agent`. */
  address: Generated<string>
  client: Generated<string>
  ended_at: number | null
  end_reason: EndReason | null
}

/** Why a session ended. */
export type EndReason =
  | 'logout'
  | 'logout_all'
  | 'reuse_detected'
  | 'superseded'
  | 'expired'
  | 'password_changed'
  | 'user_disabled'
  | 'user_deleted'
  | 'admin'

/** Append-only, but for the count of a failure that is repeated. An event outlives its user and its session. */
interface AuthEventsTable {
  id: Generated<number>
  at: number
  /** The last of `count` times. */
  last_at: number
  count: Generated<number>
  kind: EventKind
  reason: string | null
  user_id: number | null
  /** As it was told: of a failed login there may be no such user. */
  username: string | null
  session_id: number | null
  /** The `kid` of a key or the id of a client. */
  subject: string | null
  /** Who did it, where that is another user than the one of the event; null for the user, the operator's command and the service. */
  actor_id: number | null
  actor_name: string | null
  address: string | null
  /** The `User-Agent`. */
  client: string | null
  request_id: string | null
}

export type EventKind =
  | 'login'
  | 'login_failed'
  | 'login_throttled'
  | 'refresh_refused'
  | 'session_ended'
  | 'password_changed'
  | 'user_registered'
  | 'user_disabled'
  | 'user_enabled'
  | 'user_deleted'
  | 'key_created'
  | 'key_retired'
  | 'client_created'
  | 'client_revoked'

interface SigningKeysTable {
  kid: string
  algorithm: string
  /**
   * PKCS #8 PEM, encrypted where there is a key for it. Null for `HS256`, whose key is a setting and never stored, and once
   * it is not needed any more.
   */
  private_key: string | null
  /** SPKI PEM; null for `HS256`. */
  public_key: string | null
  created_at: number
  /** From then on it signs: until then it is published only. */
  signs_from: number
  /** When a process last said that it signs with it: told now and then, not at each token. */
  used_at: number
  /** The longest life of a token that it may have signed, in seconds; 0 when nobody has said yet. */
  token_ttl: number
  /** Withdrawn by the operator. The row stays: the key is never accepted again. */
  retired_at: number | null
}

/** The services that may ask about tokens. One that was revoked stays. */
interface ClientsTable {
  client_id: string
  /** For people; two may have the same, so that a secret can be changed without a gap. */
  name: string
  /** SHA-256 of the secret, in hexadecimal. */
  secret_hash: string
  created_at: number
  revoked_at: number | null
}

/** Attempts that count against a limit, until `expires_at`. Rules see to it that rows end; what has expired is as if it were not there. */
interface TalliesTable {
  /** Says what is limited, hashed: names are as long as one likes, and may be mistyped passwords. */
  key: string
  /** Those that failed, and those whose outcome is not known yet. */
  count: number
  /** How many of them have no outcome yet, and until when that is believed: a process may die with them. */
  in_flight: number
  in_flight_until: number
  /** Past the limit, when the next one may come. */
  next_at: number
  /** When the first of them came: an outcome that is told later belongs to these, or to others before them. */
  since: number
  expires_at: number
}

/** Networks that a user has logged in from. */
interface KnownAddressesTable {
  user_id: number
  /** An IPv4 address, or the /64 of an IPv6 address. */
  network: string
  last_at: number
}

export type User = Selectable<UsersTable>
export type NewUser = Insertable<UsersTable>
export type Session = Selectable<SessionsTable>
export type AuthEvent = Selectable<AuthEventsTable>
export type NewAuthEvent = Insertable<AuthEventsTable>
export type SigningKeyRow = Selectable<SigningKeysTable>
export type Client = Selectable<ClientsTable>
export type Tally = Selectable<TalliesTable>
export type KnownAddress = Selectable<KnownAddressesTable>
