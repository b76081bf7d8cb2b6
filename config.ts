import { availableParallelism, totalmem } from 'node:os'
import { type SchemaOptions, type Static, type TProperties, type TSchema, Type } from '@sinclair/typebox'
import { Check } from '@sinclair/typebox/value'
import type { Opening } from './db/database.ts'
import { faultOfDatabaseUrl } from './db/open.ts'
import { instant, parseInstant } from './domain/clock.ts'
import { nearNames } from './near-settings.ts'
import { checkSecretVariable, readSecretFile, type SecretText } from './secret-text.ts'
import { faultOfPublicUrl, mayHavePassword } from './setting-formats.ts'

/** Settings that are missing or wrong: a line each, with the variable, what it must be, and what it is, unless that is a secret. */
export class ConfigError extends Error {
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.faults = faults
  }
}

interface About extends SchemaOptions {
  /** For docs/settings.md, which `npm run docs` writes from this table. */
  readonly description: string
}
interface Range extends About {
  readonly minimum?: number
  readonly maximum?: number
}

const text = (env: string, wants: string, about: About) => Type.String({ env, minLength: 1, wants, ...about })
/** A token with a longer claim would be refused as too long. */
const CLAIM_LENGTH = 1000
/** A text that tokens carry: white space around it would make it another one than it looks. */
const claim = (env: string, about: About) =>
  text(env, `a text of at most ${CLAIM_LENGTH} characters, without control characters or white space around it`, {
    format: 'claim',
    maxLength: CLAIM_LENGTH,
    ...about,
  })
/** A text that no message repeats, and that can come from a file: NAME_FILE names it. */
const secret = (env: string, wants: string, about: About) => text(env, wants, { secret: true, ...about })
const integer = (env: string, about: Range) => Type.Integer({ env, ...about })
const seconds = (env: string, about: Range) => integer(env, { maximum: 315_360_000, unit: 's', ...about })
const count = (env: string, about: Range) => integer(env, { minimum: 1, maximum: 1_000_000_000, ...about })
const list = (env: string, wants: string, item: SchemaOptions, about: About) =>
  Type.Array(Type.String(item), { env, default: [], wants, ...about })
const oneOf = <const T extends string[]>(env: string, values: T, about: About) =>
  Type.Unsafe<T[number]>(
    Type.Union(
      values.map((value) => Type.Literal(value)),
      { env, wants: `one of ${values.join(', ')}`, ...about },
    ),
  )
/** In milliseconds since the epoch. */
const instantOf = (env: string, about: About) =>
  Type.Unsafe<number>(
    text(env, 'a date like 2027-03-01, which begins in UTC, or an instant like 2027-03-01T12:00:00Z', {
      format: 'instant',
      parse: parseInstant,
      ...about,
    }),
  )
const encryptionKey = (env: string, about: About) =>
  Type.Unsafe<Buffer>(
    secret(env, '32 bytes in base64, as `openssl rand -base64 32` makes them', {
      format: 'secrets-key',
      parse: (base64: string) => Buffer.from(base64, 'base64'),
      ...about,
    }),
  )

/**
 * Every setting: its name in the code, its environment variable, what it may be, its default, its unit and what it is for.
 * Durations are in seconds.
 */
export const settings = {
  host: text('HOST', 'an address to listen on', {
    default: '127.0.0.1',
    description: 'Address to listen on; the image sets `0.0.0.0`.',
  }),
  port: integer('PORT', { minimum: 0, maximum: 65535, default: 3000, description: 'Port to listen on; 0 takes any free one.' }),
  databaseUrl: secret('DATABASE_URL', 'file:PATH, :memory: or postgres://USER:PASSWORD@HOST:PORT/DATABASE', {
    format: 'database-url',
    faultOf: faultOfDatabaseUrl,
    default: 'file:./data/latchkey.db',
    description:
      'SQLite file (`file:PATH`), or `:memory:`; the image sets `file:/data/latchkey.db`. Or PostgreSQL: ' +
      '[`postgres://USER:PASSWORD@HOST:PORT/DATABASE`](scaling.md).',
  }),
  databaseSchema: text('DATABASE_SCHEMA', 'the name of a schema: letters, digits and underscores', {
    pattern: '^[A-Za-z_][A-Za-z0-9_]{0,62}$',
    default: 'public',
    description: 'Schema of the tables on PostgreSQL. It is made if need be.',
  }),
  databasePool: integer('DATABASE_POOL', {
    minimum: 1,
    maximum: 1000,
    default: 10,
    description: 'Connections to PostgreSQL of one process that write; two more read.',
  }),
  djangoDatabaseUrl: Type.Optional(
    secret('DJANGO_DATABASE_URL', 'file:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE', {
      format: 'database-url',
      faultOf: faultOfDatabaseUrl,
      description: 'Database of the Django project that [`latchkey import django`](administration.md#users-of-a-django-project) reads.',
    }),
  ),
  publicUrl: Type.Optional(
    text('PUBLIC_URL', 'an http or https URL of origin and path alone, in its normal form, without a slash at its end', {
      format: 'public-url',
      faultOf: faultOfPublicUrl,
      description:
        'Address under which clients reach the service; instances on one database must agree. `http://localhost:PORT` when unset, ' +
        'so `http://localhost:0` with `PORT=0`.',
    }),
  ),
  jwtIssuer: Type.Optional(claim('JWT_ISSUER', { description: '`iss` of the tokens; `PUBLIC_URL` when unset.' })),
  jwtPreviousIssuers: list(
    'JWT_PREVIOUS_ISSUERS',
    'issuers, separated by commas',
    { minLength: 1 },
    {
      description: 'Issuers still accepted after a move of the service.',
    },
  ),
  jwtAudience: Type.Optional(claim('JWT_AUDIENCE', { description: '`aud` of the tokens; none when unset.' })),
  jwtProfile: oneOf('JWT_PROFILE', ['simple', 'rfc9068'], {
    default: 'simple',
    description:
      'Form of new access tokens. `simple`: `typ` is `JWT`, which every library accepts; `rfc9068`: whole tokens of RFC 9068, with ' +
      '`at+jwt`, `client_id` and `aud`, for which `JWT_AUDIENCE` must be set.',
  }),
  jwtClientId: claim('JWT_CLIENT_ID', { default: 'latchkey', description: '`client_id` of the access tokens of that profile.' }),
  jwtAlgorithm: oneOf('JWT_ALGORITHM', ['ES256', 'EdDSA', 'RS256', 'HS256'], {
    default: 'ES256',
    description: 'Algorithm that signs new tokens.',
  }),
  jwtSecret: Type.Optional(
    secret('JWT_SECRET', 'at least 32 bytes', {
      bytes: 32,
      description: 'Key of `HS256`, at least 32 bytes; verifies only while another algorithm is set.',
    }),
  ),
  legacyJwtSecret: Type.Optional(
    secret('LEGACY_JWT_SECRET', 'at least 32 bytes', {
      bytes: 32,
      format: 'no-pem',
      // Everybody knows a public key, and with it as the secret anybody could make tokens. No Simple JWT has such a secret: PyJWT refuses it.
      faultOf: (text: string) =>
        text.includes('-----BEGIN ') ? 'it is a key in PEM; a public one goes into LEGACY_JWT_PUBLIC_KEY' : undefined,
      description:
        'Key of `HS256`, at least 32 bytes, of the system that users were imported from (of Django its `SECRET_KEY`): ' +
        '[its tokens](sessions.md#tokens-of-the-system-before) are taken until `LEGACY_JWT_UNTIL`.',
    }),
  ),
  legacyJwtPublicKey: Type.Optional(
    secret('LEGACY_JWT_PUBLIC_KEY', 'a public key in PEM: RSA of at least 2048 bits, EC on P-256, or Ed25519', {
      format: 'public-key',
      faultOf: (pem: string) => (pem.includes('PRIVATE KEY') ? 'it is a private key, and must be the public one' : undefined),
      description: 'In its place the public key of that system in PEM: of `RS256`, `ES256` or `EdDSA`, which the key says.',
    }),
  ),
  legacyJwtUntil: Type.Optional(
    instantOf('LEGACY_JWT_UNTIL', { description: 'When tokens of that system end to be taken: at most 400 days from the start on.' }),
  ),
  legacyJwtIssuer: Type.Optional(claim('LEGACY_JWT_ISSUER', { description: '`iss` that they must have; not looked at when unset.' })),
  legacyJwtAudience: Type.Optional(claim('LEGACY_JWT_AUDIENCE', { description: '`aud` that they must have; not looked at when unset.' })),
  legacyJwtUserClaim: Type.Optional(
    claim('LEGACY_JWT_USER_CLAIM', { description: 'The claim that has the id of the user; `user_id` when unset.' }),
  ),
  jwksMaxAgeSeconds: seconds('JWKS_MAX_AGE', { minimum: 0, default: 300, description: 'How long verifiers may cache the published keys.' }),
  keyRotationIntervalSeconds: seconds('KEY_ROTATION_INTERVAL', {
    minimum: 1,
    default: 2_592_000,
    description: 'How often a new signing key is made.',
  }),
  secretsKey: Type.Optional(
    encryptionKey('SECRETS_KEY', {
      description: 'Encrypts the signing keys in the database: 32 bytes in base64 (`openssl rand -base64 32`).',
    }),
  ),
  secretsKeyPrevious: Type.Optional(
    encryptionKey('SECRETS_KEY_PREVIOUS', { description: 'The previous `SECRETS_KEY`, while it is being changed.' }),
  ),
  accessTokenTtlSeconds: seconds('ACCESS_TOKEN_TTL', { minimum: 1, default: 300, description: 'Life of an access token.' }),
  refreshTokenTtlSeconds: seconds('REFRESH_TOKEN_TTL', {
    minimum: 1,
    default: 86_400,
    description: 'Life of a refresh token: how long a session may be idle.',
  }),
  sessionMaxAgeSeconds: seconds('SESSION_MAX_AGE', {
    minimum: 1,
    default: 2_592_000,
    description: 'Life of a session, however much it is used.',
  }),
  sessionsPerUser: count('SESSIONS_PER_USER', {
    maximum: 10_000,
    default: 100,
    description: 'Live sessions of one user; the one refreshed longest ago ends for a new one.',
  }),
  sessionHistorySeconds: seconds('SESSION_HISTORY', {
    minimum: 0,
    default: 2_678_400,
    description: 'How long ended and expired sessions are kept.',
  }),
  eventsHistorySeconds: seconds('EVENTS_HISTORY', { minimum: 0, default: 7_776_000, description: 'How long auth events are kept.' }),
  refreshRotation: oneOf('REFRESH_ROTATION', ['on', 'off', 'confirmed'], {
    default: 'on',
    description:
      '`on`: each refresh answers a new refresh token; `confirmed`: which replaces the old one once it has been seen; ' +
      '`off`: the same one goes on working.',
  }),
  refreshReuseGraceSeconds: seconds('REFRESH_REUSE_GRACE', {
    minimum: 0,
    default: 30,
    description: 'How long a replaced refresh token still answers with its successor; 0 turns it off.',
  }),
  registration: oneOf('REGISTRATION', ['open', 'closed'], { default: 'open', description: '`closed` refuses `POST /api/users/`.' }),
  breachCheckUrl: Type.Optional(
    text('BREACH_CHECK_URL', 'an http or https URL like https://api.pwnedpasswords.com/range/', {
      format: 'range-url',
      parse: (url: string) => url.replace(/\/?$/, '/'),
      description: 'Range API, as of Pwned Passwords, that new passwords are looked up in; no check when unset.',
    }),
  ),
  limits: oneOf('LIMITS', ['on', 'off'], {
    default: 'on',
    description: '`off` lifts the limits on failed logins, registrations and requests: for benches and tests only.',
  }),
  loginFailuresPerPair: count('LOGIN_FAILURES_PER_PAIR', {
    default: 10,
    description: 'Failed logins of one name from one address before each further one has to wait.',
  }),
  loginFirstDelaySeconds: seconds('LOGIN_FIRST_DELAY', {
    minimum: 1,
    default: 1,
    description: 'The first such wait; it doubles with each failure.',
  }),
  loginLongestDelaySeconds: seconds('LOGIN_LONGEST_DELAY', { minimum: 1, default: 900, description: 'The longest such wait.' }),
  loginFailuresPerAddress: count('LOGIN_FAILURES_PER_ADDRESS', {
    default: 300,
    description: 'Failed logins from one address in a window; more names take turns in a slow lane.',
  }),
  loginFailuresPerAccount: count('LOGIN_FAILURES_PER_ACCOUNT', {
    default: 100,
    description:
      'Failed logins of one name in a window, from addresses where its user is not known; more networks take turns in a slow lane.',
  }),
  loginSlowLaneSeconds: seconds('LOGIN_SLOW_LANE', {
    minimum: 1,
    default: 30,
    description: 'How far apart the turns in a slow lane are.',
  }),
  loginFailuresWindowSeconds: seconds('LOGIN_FAILURES_WINDOW', {
    minimum: 1,
    default: 3600,
    description: 'The window, and how long a name and address are remembered after their last failure.',
  }),
  knownAddressesPerUser: count('KNOWN_ADDRESSES_PER_USER', {
    default: 20,
    maximum: 1000,
    description: "Addresses a user registered or logged in from last that are remembered; other people's failures do not count there.",
  }),
  knownAddressHistorySeconds: seconds('KNOWN_ADDRESS_HISTORY', {
    minimum: 1,
    default: 15_552_000,
    description: 'How long such an address is remembered after its last login.',
  }),
  registrationsPerAddress: count('REGISTRATIONS_PER_ADDRESS', {
    default: 30,
    description: 'Registrations that may be asked for from one address in a window.',
  }),
  registrationsWindowSeconds: seconds('REGISTRATIONS_WINDOW', { minimum: 1, default: 60, description: 'That window.' }),
  requestsPerAddress: Type.Optional(
    count('REQUESTS_PER_ADDRESS', {
      description:
        'Refreshes, verifications, introspections, header checks and key reads that one process answers to one address in a minute; ' +
        'any number when unset.',
    }),
  ),
  trustProxy: list(
    'TRUST_PROXY',
    'addresses or CIDRs, separated by commas',
    { format: 'cidr' },
    {
      description: 'Proxies whose `X-Forwarded-For` is believed.',
    },
  ),
  corsOrigins: list(
    'CORS_ORIGINS',
    'origins like https://app.example.com or capacitor://localhost, or null, separated by commas',
    { format: 'origin' },
    {
      description:
        'Origins whose pages may call the API, of any scheme; none when unset. `null` is [every sandboxed frame and local file](limits.md#web-pages).',
    },
  ),
  logLevel: oneOf('LOG_LEVEL', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    description: 'Least level that is logged; requests are logged at `info`.',
  }),
  logFormat: oneOf('LOG_FORMAT', ['auto', 'json', 'pretty'], {
    default: 'auto',
    description: 'Log lines as JSON objects, or for people to read (`pretty`); `auto` is `pretty` on a terminal and `json` elsewhere.',
  }),
  argon2MemoryKib: integer('ARGON2_MEMORY_KIB', {
    minimum: 1024,
    maximum: 4_194_304,
    default: 19_456,
    unit: 'KiB',
    description: 'Memory of one password hash.',
  }),
  argon2Iterations: count('ARGON2_ITERATIONS', { maximum: 1000, default: 2, description: 'Passes of one password hash.' }),
  argon2Parallelism: count('ARGON2_PARALLELISM', { maximum: 64, default: 1, description: 'Lanes of one password hash.' }),
  hashingConcurrency: Type.Optional(
    count('HASHING_CONCURRENCY', {
      maximum: 256,
      description:
        'Password hashes computed at once; when unset the number of cores, or as many as fit in a quarter of the memory where that is less.',
    }),
  ),
  hashingMemoryMib: Type.Optional(
    count('HASHING_MEMORY_MIB', {
      maximum: 65_536,
      unit: 'MiB',
      description:
        'Memory of all password hashes computed at once: more of them wait. One of a user of another system that needs more by itself is right ' +
        'for no password. When unset 128, or what `HASHING_CONCURRENCY` hashes of `ARGON2_MEMORY_KIB` need where that is more.',
    }),
  ),
  hashingQueue: count('HASHING_QUEUE', {
    maximum: 100_000,
    default: 256,
    description:
      'Password hashes that may wait for their turn, shared among networks: two cores compute as many in some three seconds. A login past it ' +
      'is asked to try again.',
  }),
  maxConnections: count('MAX_CONNECTIONS', {
    maximum: 1_000_000,
    default: 2000,
    description:
      'Connections open at once, a quarter of them for one network that is no proxy of `TRUST_PROXY`; for one more an idle one is closed. Each ' +
      'may hold some 40 kB of memory.',
  }),
} satisfies TProperties

const Settings = Type.Object(settings)
type Settings = Static<typeof Settings>
type Environment = Readonly<Record<string, string | undefined>>

export type Config = Readonly<ReturnType<typeof loadConfig>>

/**
 * The settings of an environment, checked and under the names the code uses.
 *
 * @param env usually `process.env`; a secret may also come from the file that `NAME_FILE` names
 * @param now milliseconds since the epoch
 * @throws {ConfigError} with every setting that is missing or wrong
 */
export function loadConfig(env: Environment, now = Date.now()) {
  const { config, faults } = readSettings(env)
  const isSet = (name: keyof Settings) => config[name] !== undefined || faults.has(name)
  const all = [...faults.values(), ...missingSettings(config, isSet), ...legacyFaults(config, isSet, now)]
  if (all.length > 0) throw new ConfigError([...all, ...doubtfulNames(env)])
  const publicUrl = config.publicUrl ?? defaultPublicUrl(config)
  const hashingConcurrency = config.hashingConcurrency ?? hashesAtOnce(config.argon2MemoryKib)
  const ownHashesMib = Math.ceil((hashingConcurrency * config.argon2MemoryKib) / 1024)
  return {
    ...config,
    publicUrl,
    jwtIssuer: config.jwtIssuer ?? publicUrl,
    databaseUrlNow: () => rawValue(settings.databaseUrl, env).text,
    hashingConcurrency,
    hashingMemoryMib: config.hashingMemoryMib ?? Math.max(HASHING_MEMORY_MIB, ownHashesMib),
  }
}

/** The most that the hash of a user of another system needs: see `db/password-hashes.ts`. */
const HASHING_MEMORY_MIB = 128

/** How the settings say that the database is opened. */
export function openingOf({ databaseSchema, databasePool, databaseUrlNow }: Config): Opening {
  return { schema: databaseSchema, pool: databasePool, urlNow: databaseUrlNow }
}

/** In a container with little memory hashes of all cores would leave too little for the rest, and the kernel would kill the process. */
function hashesAtOnce(memoryKib: number): number {
  const memoryBytes = Math.min(process.constrainedMemory() || totalmem(), totalmem())
  const fitting = Math.floor(memoryBytes / 4 / (memoryKib * 1024))
  return Math.max(1, Math.min(availableParallelism(), fitting))
}

/** `PUBLIC_URL` while it is unset. */
export function defaultPublicUrl({ port }: Pick<Settings, 'port'>): string {
  return `http://localhost:${port}`
}

/** A line for each variable whose name is nearly that of a setting: it is not read, and another one was probably meant. */
export function doubtfulNames(env: Environment): string[] {
  const names = Object.values(settings).flatMap(({ env: name, secret }: TSchema) => (secret ? [name, `${name}_FILE`] : [name]))
  return nearNames(env, names).map(({ name, near }) => `${name} is no setting: is ${near} meant?`)
}

/** Whether a setting has a value, be it right or wrong. */
type IsSet = (name: keyof Settings) => boolean

/** What is wrong with a setting, by its name in the code. */
type Faults = ReadonlyMap<string, string>

/** The settings, whole only where there are no faults: a setting with a fault has no value. */
function readSettings(env: Environment): { config: Settings; faults: Faults } {
  const values: Record<string, unknown> = {}
  const faults = new Map<string, string>()
  for (const [name, schema] of Object.entries(settings)) {
    const read = readSetting(schema, env)
    if (read.fault !== undefined) faults.set(name, read.fault)
    else if (read.value !== undefined) values[name] = read.value
  }
  return { config: values as Settings, faults }
}

/** What other settings need, and is not there: one that is there but wrong has its own line. */
function missingSettings(config: Settings, isSet: IsSet): string[] {
  const missing: string[] = []
  if (config.jwtAlgorithm === 'HS256' && !isSet('jwtSecret')) {
    missing.push('JWT_SECRET must be at least 32 bytes where JWT_ALGORITHM is HS256, and is not set')
  }
  if (config.jwtProfile === 'rfc9068' && !isSet('jwtAudience')) {
    missing.push('JWT_AUDIENCE must be a text where JWT_PROFILE is rfc9068, and is not set')
  }
  if (isSet('secretsKeyPrevious') && !isSet('secretsKey')) {
    missing.push('SECRETS_KEY must be the new key where SECRETS_KEY_PREVIOUS is set, and is not set')
  }
  return missing
}

const LONGEST_LEGACY_DAYS = 400
const DAY_MS = 86_400_000

/** What the settings of legacy tokens need of each other: a key that is taken for ever is forgotten, and then stolen. */
function legacyFaults({ legacyJwtUntil: until }: Settings, isSet: IsSet, now: number): string[] {
  const keys = (['legacyJwtSecret', 'legacyJwtPublicKey'] as const).filter(isSet)
  const others = (['legacyJwtUntil', 'legacyJwtIssuer', 'legacyJwtAudience', 'legacyJwtUserClaim'] as const).filter(isSet)
  const nameOf = (name: keyof Settings) => (settings[name] as TSchema).env
  const [key] = keys
  if (keys.length > 1) return ['LEGACY_JWT_SECRET and LEGACY_JWT_PUBLIC_KEY are both set, and only one of them can be']
  if (key === undefined) {
    return others.map((name) => `LEGACY_JWT_SECRET or LEGACY_JWT_PUBLIC_KEY must be a key where ${nameOf(name)} is set, and neither is set`)
  }
  if (!isSet('legacyJwtUntil')) return [`LEGACY_JWT_UNTIL must be a date where ${nameOf(key)} is set, and is not set`]
  const isFar = until !== undefined && until > now + LONGEST_LEGACY_DAYS * DAY_MS
  return isFar ? [`LEGACY_JWT_UNTIL must be at most ${LONGEST_LEGACY_DAYS} days ahead, got "${instant(until)}"`] : []
}

/** The value of a setting, undefined where it is unset and has no default, or what is wrong with it. */
type Read = { readonly value?: unknown; readonly fault?: undefined } | { readonly fault: string }

function readSetting(schema: TSchema, env: Environment): Read {
  const { text: raw, fault: unreadable } = rawValue(schema, env)
  if (unreadable !== undefined) return { fault: unreadable }
  if (raw === undefined) return { value: schema.default }
  const value = convert(raw, schema)
  if (Check(schema, value) && Buffer.byteLength(raw) >= (schema.bytes ?? 0)) return { value: schema.parse?.(value) ?? value }
  const fault = schema.faultOf?.(raw)
  if (fault !== undefined) return { fault: `${schema.env} is wrong: ${fault}` }
  const got = schema.secret || mayHavePassword(raw) ? `a value of ${Buffer.byteLength(raw)} bytes` : JSON.stringify(raw)
  return { fault: `${schema.env} must be ${wants(schema)}, got ${got}` }
}

/** The variable's text, or for a secret the content of the file that NAME_FILE names; neither where it is unset. */
function rawValue(
  { env: name, secret }: TSchema,
  env: Environment,
): SecretText | { readonly text?: undefined; readonly fault?: undefined } {
  const text = env[name] || undefined
  const file = (secret && env[`${name}_FILE`]) || undefined
  if (text !== undefined && file !== undefined) return { fault: `${name} and ${name}_FILE are both set, and only one of them can be` }
  if (file !== undefined) return readSecretFile(`${name}_FILE`, file)
  if (text === undefined) return {}
  return secret ? checkSecretVariable(name, text) : { text }
}

function convert(raw: string, schema: TSchema): unknown {
  if (schema.type === 'integer') return /^-?\d+$/.test(raw) ? Number(raw) : raw
  if (schema.type === 'array') return raw.split(',').map((item) => item.trim())
  return raw
}

/** What a setting must be, as errors and docs/settings.md say it. */
export function wants(schema: TSchema): string {
  return schema.wants ?? `a whole number from ${schema.minimum} to ${schema.maximum}`
}
