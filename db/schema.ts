import type { Generated, GeneratedAlways, Insertable, Selectable } from 'kysely'

/** Instants are integer milliseconds since the epoch; times that stand in tokens are integer seconds; flags are 0 or 1. */
export interface Tables {
  users: UsersTable
  sessions: SessionsTable
  auth_events: AuthEventsTable
  signing_keys: SigningKeysTable
  issued_claims: IssuedClaimsTable
  clients: ClientsTable
  tallies: TalliesTable
  lane_places: LanePlacesTable
  known_addresses: KnownAddressesTable
  secrets: SecretsTable
  locks: LocksTable
  deleted_users: DeletedUsersTable
  legacy_tokens: LegacyTokensTable
  password_kinds: PasswordKindsTable
}

interface UsersTable {
  /** Never used twice, because systems around this one keep it as a foreign key. */
  id: Generated<number>
  username: string
  /** The username in NFC, where it is not in NFC itself, as those of other systems. Not unique. */
  username_nfc: string | null
  /** `fold(username)`: the same for names that differ only by case, compatibility form or invisible characters. Not unique. */
  username_key: string
  /** The password's hash: ours in PHC string format, an imported one as it came (`password-hashes.ts`). */
  password: string
  is_active: Generated<0 | 1>
  /** Whether the user may look after other users: those who are neither staff nor superusers. */
  is_staff: Generated<0 | 1>
  /** Whether the user, if staff, may do all that administration can. */
  is_superuser: Generated<0 | 1>
  created_at: number
  /** Null for a user who has not logged in since there is this column. */
  last_login_at: number | null
  /** Kept for imports. Not unique. */
  email: string | null
  /** When name, password or flags were changed last; when the user was created, if they never were. */
  changed_at: Generated<number>
  /** When an import wrote this row last, which then is its `changed_at`, too: another one says that it was changed here. Null for a user of ours. */
  imported_at: number | null
  /** MD5 of the imported hash, in upper-case hexadecimal, as tokens of Simple JWT have it with `CHECK_REVOKE_TOKEN`. */
  imported_hash_md5: string | null
  /** When all tokens of an imported user were revoked last: a legacy token that was issued by then and has become no session is dead. */
  tokens_revoked_at: number | null
}

interface SessionsTable {
  id: Generated<number>
  /** The random part of the `sid` claim of its tokens. Null for a session that began before there was one: its `sid` is the id alone. */
  sid_secret: string | null
  user_id: number
  created_at: number
  /** When its user logged in or it was refreshed last. */
  refreshed_at: number
  /** When it ends at the latest: `SESSION_MAX_AGE` after the login. No refresh moves it. */
  expires_at: number
  /** `jti`, `iat` and `exp` of the current refresh token: with them the same token can be signed again. */
  refresh_jti: string
  refresh_iat: number
  refresh_exp: number
  /** The hour of `refresh_exp`, in hours since the epoch: expired sessions are found by it (`expired-sessions.ts`). */
  refresh_exp_hour: GeneratedAlways<number>
  /** `jti@at` with a space between: the refresh tokens that were replaced last, oldest first; `at` says when, in milliseconds. */
  replaced: string
  /** With `REFRESH_ROTATION=confirmed`, the `jti` of the refresh token before the current one, until a client has used the current one. */
  pending_jti: string | null
  /** IP address and `User-Agent` of the last login or refresh; empty when unknown. */
  address: Generated<string>
  client: Generated<string>
  /** When, to which address and to which `User-Agent` a token that had been replaced was answered last, if not to the ones above. */
  elsewhere_at: number | null
  elsewhere_address: string | null
  elsewhere_client: string | null
  /** Null while it lives, and when it has expired (`expired-sessions.ts`): what has marked it as `expired` is a version of before. */
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
  | 'restored'

/** Rows are only added, but what is repeated is counted in its first row. An event stays when its user or session is deleted. */
interface AuthEventsTable {
  id: Generated<number>
  at: number
  /** When it happened last, if `count` is more than 1. */
  last_at: number
  count: Generated<number>
  kind: EventKind
  reason: string | null
  user_id: number | null
  /** Of a user. A name that was typed and is no user's is not kept. */
  username: string | null
  /** Of a name that was typed and is no user's: a hash with a key of the database. */
  name_hash: string | null
  /** The `sid` of the session. */
  session_id: string | null
  /** The `kid` of a key or the id of a client, for events about these; of a user who was renamed the name of before. */
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
  | 'refresh_from_elsewhere'
  | 'token_refused'
  | 'session_ended'
  | 'password_changed'
  | 'user_registered'
  | 'user_disabled'
  | 'user_enabled'
  | 'user_deleted'
  | 'user_created'
  | 'users_imported'
  | 'user_changed'
  | 'password_set'
  | 'sessions_ended'
  | 'key_created'
  | 'key_retired'
  | 'client_created'
  | 'client_revoked'

interface SigningKeysTable {
  kid: string
  /** The type of the tokens that it signs. */
  use: 'access' | 'refresh'
  /**
   * A key of access tokens that is older than the keys of refresh tokens has signed these, too: those with an `iat` up to this one are good.
   * In seconds since the epoch; null for all others.
   */
  refresh_until: number | null
  algorithm: string
  /**
   * Encrypted if `SECRETS_KEY` is set. Of access tokens: PKCS #8 PEM; null for `HS256`, whose key is a setting and never stored, and after the
   * last token that it can have signed has expired. Of refresh tokens: 256 random bits in base64url, the secret of `HS256`.
   */
  private_key: string | null
  /** SPKI PEM. Null for `HS256`. */
  public_key: string | null
  created_at: number
  /** When it begins to sign. Until then it is only published, so that verifiers know it in time. `NOT_YET` of domain/keys/schedule.ts: when it is needed. */
  signs_from: number
  /** When a process last noted that it signs with this key. Processes note it from time to time, not at each token. */
  used_at: number
  /** The longest life of a token that it may have signed, in seconds; 0 for a key from before this column, until a process sets it. */
  token_ttl: number
  /** When the operator withdrew it. The row stays, so that the key is never accepted again. */
  retired_at: number | null
}

/** Issuers and audiences of tokens that may be alive: a token of before the setting was changed is still good. */
interface IssuedClaimsTable {
  claim: 'iss' | 'aud'
  /** Empty for tokens without an audience. */
  value: string
  /** When a process last noted that it issues such tokens. Processes note it from time to time, not at each token. */
  used_at: number
  /** The longest life of such a token, in seconds. */
  token_ttl: number
}

/** Services that may introspect tokens. The row of a client that was revoked stays. */
interface ClientsTable {
  client_id: string
  /** For people to read. Not unique: to change a secret, a second client of the same name is made and then the first one revoked. */
  name: string
  /** SHA-256 of the secret, in hexadecimal. */
  secret_hash: string
  created_at: number
  revoked_at: number | null
}

/** Attempts that count against a limit, such as failed logins of a name. After `expires_at` a row counts as if it were not there. */
interface TalliesTable {
  /** Hash of what is limited, because a name that was sent can be of any length, or be a password typed into the wrong field. */
  key: string
  /** How many attempts failed, or have no outcome yet. */
  count: number
  /** How many of them have no outcome yet. After `in_flight_until` they count as failed, because their process may have died. */
  in_flight: number
  in_flight_until: number
  /** When the limit is reached, the instant of the next attempt that is let through. */
  next_at: number
  /** When the first of them came. An outcome belongs to an attempt with the same `since`; with another one the tally has begun again. */
  since: number
  expires_at: number
}

/** Turns that were promised in the slow lane of a limit. After `expires_at` a row counts as if it were not there. */
interface LanePlacesTable {
  /** The `key` of the limit, or one made from it. */
  lane: string
  /** Between whom the turns go round, and who in it: of an account the network and the part of it, of an address the name (hashed). */
  party: string
  member: string
  asked_at: number
  /** From when on the turn may be taken; null while another member of the party has a turn that is still to come. */
  at: number | null
  /** Whether it was taken. The row stays until the next turn is due, so that no other is given at the same time. */
  is_used: 0 | 1
  expires_at: number
}

/** Networks that a user has logged in from. */
interface KnownAddressesTable {
  user_id: number
  /** An IPv4 address, or the /64 of an IPv6 address. */
  network: string
  last_at: number
}

/** Secrets that the service makes for itself, beside its signing keys. */
interface SecretsTable {
  /** What it is for. */
  name: string
  /** Encrypted if `SECRETS_KEY` is set. */
  value: string
}

/** Rows that are there to be locked (`turns.ts`). */
interface LocksTable {
  name: string
}

/** Users that were deleted here, so that an import does not bring them again, and an export disables them there. */
interface DeletedUsersTable {
  user_id: number
  deleted_at: number
}

/** Tokens of the system that users came from, which were used or revoked here, or revoked there. */
interface LegacyTokensTable {
  jti: string
  user_id: number
  /** The session that the refresh token became at its first use. Null when the token is dead, as it is when that session is deleted. */
  session_id: number | null
  /** When it expires, in milliseconds since the epoch: until then the row must stay. */
  expires_at: number
}

/** How many users have a hash of a kind, in parts of all users (`password-kinds.ts`). */
interface PasswordKindsTable {
  /** `kindOf(users.password)`. */
  kind: string
  part: number
  users: number
  /** Users that had it until they got one of another kind here, by a login or a new password. */
  moved: number
}

export type User = Selectable<UsersTable>
export type NewUser = Insertable<UsersTable>
export type Session = Selectable<SessionsTable>
export type AuthEvent = Selectable<AuthEventsTable>
export type NewAuthEvent = Insertable<AuthEventsTable>
export type SigningKeyRow = Selectable<SigningKeysTable>
export type IssuedClaim = Selectable<IssuedClaimsTable>
export type Client = Selectable<ClientsTable>
export type Tally = Selectable<TalliesTable>
export type LanePlace = Selectable<LanePlacesTable>
export type KnownAddress = Selectable<KnownAddressesTable>
export type LegacyToken = Selectable<LegacyTokensTable>
export type PasswordKind = Selectable<PasswordKindsTable>
