import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import { FormatRegistry, type Static, type TProperties, type TSchema, Type } from '@sinclair/typebox'
import { Check } from '@sinclair/typebox/value'

/** A setting that is missing or wrong: one line that names it, says what it got and what it wants. */
export class ConfigError extends Error {}

FormatRegistry.Set('http-origin', isHttpOrigin)
FormatRegistry.Set('http-url', isHttpUrl)
FormatRegistry.Set('range-url', isRangeUrl)
FormatRegistry.Set('cidr', isCidr)
FormatRegistry.Set('secrets-key', (value) => /^[A-Za-z0-9+/]{43}=$/.test(value))
FormatRegistry.Set('database-url', (value) => databaseFile(value) !== undefined)

const text = (wants: string, options: object = {}) => Type.String({ minLength: 1, wants, ...options })
const secret = (wants: string, options: object = {}) => text(wants, { secret: true, ...options })
const seconds = (options: { default: number; minimum: number; maximum?: number; description: string }) =>
  Type.Integer({ maximum: 315_360_000, unit: 's', ...options })
const count = (options: { default?: number; maximum?: number; description: string }) =>
  Type.Integer({ minimum: 1, maximum: 1_000_000_000, ...options })
const listOf = (item: TSchema, wants: string, options: object) => Type.Array(item, { default: [], wants, ...options })
const oneOf = <const T extends string[]>(values: T, options: object) =>
  Type.Unsafe<T[number]>(
    Type.Union(
      values.map((value) => Type.Literal(value)),
      { wants: `one of ${values.join(', ')}`, ...options },
    ),
  )

const SECRETS_KEY_WANTS = '32 bytes in base64, as `openssl rand -base64 32` makes them'

/**
 * Every setting: its environment variable, its default, its unit and what it is for. Durations are in seconds.
 * The README's table of settings is a copy of this, and a test holds the two together.
 */
export const settings = {
  HOST: text('an address to listen on', { default: '127.0.0.1', description: 'Address to listen on; the image sets `0.0.0.0`.' }),
  PORT: Type.Integer({ minimum: 0, maximum: 65535, default: 3000, description: 'Port to listen on; 0 takes any free one.' }),
  DATABASE_URL: secret('file:PATH or :memory:', {
    format: 'database-url',
    default: 'file:./data/latchkey.db',
    description: 'SQLite file (`file:PATH`), or `:memory:`; the image sets `file:/data/latchkey.db`.',
  }),
  PUBLIC_URL: text('an http or https URL without a slash at its end', {
    format: 'http-url',
    default: 'http://localhost:3000',
    description: 'Address under which clients reach the service; instances on one database must agree.',
  }),
  JWT_ISSUER: Type.Optional(text('a text', { description: '`iss` of the tokens; `PUBLIC_URL` when unset.' })),
  JWT_PREVIOUS_ISSUERS: listOf(Type.String({ minLength: 1 }), 'issuers, separated by commas', {
    description: 'Issuers still accepted after a move of the service.',
  }),
  JWT_AUDIENCE: Type.Optional(text('a text', { description: '`aud` of the tokens; none when unset.' })),
  JWT_ALGORITHM: oneOf(['ES256', 'EdDSA', 'RS256', 'HS256'], { default: 'ES256', description: 'Algorithm that signs new tokens.' }),
  JWT_SECRET: Type.Optional(
    secret('at least 32 bytes', {
      bytes: 32,
      description: 'Key of `HS256`, at least 32 bytes; verifies only while another algorithm is set.',
    }),
  ),
  JWKS_MAX_AGE: seconds({ minimum: 0, default: 300, description: 'How long verifiers may cache the published keys.' }),
  KEY_ROTATION_INTERVAL: seconds({ minimum: 1, default: 2_592_000, description: 'How often a new signing key is made.' }),
  SECRETS_KEY: Type.Optional(
    secret(SECRETS_KEY_WANTS, {
      format: 'secrets-key',
      description: 'Encrypts the signing keys in the database: 32 bytes in base64 (`openssl rand -base64 32`).',
    }),
  ),
  SECRETS_KEY_PREVIOUS: Type.Optional(
    secret(SECRETS_KEY_WANTS, { format: 'secrets-key', description: 'The one before, while `SECRETS_KEY` is being changed.' }),
  ),
  ACCESS_TOKEN_TTL: seconds({ minimum: 1, default: 300, description: 'Life of an access token.' }),
  REFRESH_TOKEN_TTL: seconds({ minimum: 1, default: 86_400, description: 'Life of a refresh token: how long a session may be idle.' }),
  SESSION_MAX_AGE: seconds({ minimum: 1, default: 2_592_000, description: 'Life of a session, however much it is used.' }),
  SESSIONS_PER_USER: Type.Integer({
    minimum: 1,
    maximum: 10_000,
    default: 100,
    description: 'Live sessions of one user; the one refreshed longest ago ends for a new one.',
  }),
  SESSION_HISTORY: seconds({ minimum: 0, default: 2_678_400, description: 'How long ended sessions are kept.' }),
  EVENTS_HISTORY: seconds({ minimum: 0, default: 7_776_000, description: 'How long auth events are kept.' }),
  REFRESH_ROTATION: oneOf(['on', 'off', 'confirmed'], {
    default: 'on',
    description:
      '`on`: each refresh answers a new refresh token; `confirmed`: which replaces the old one once it has been seen; ' +
      '`off`: the same one goes on working.',
  }),
  REFRESH_REUSE_GRACE: seconds({
    minimum: 0,
    default: 30,
    description: 'How long a replaced refresh token still answers with its successor; 0 turns it off.',
  }),
  REGISTRATION: oneOf(['open', 'closed'], { default: 'open', description: '`closed` refuses `POST /api/users/`.' }),
  BREACH_CHECK_URL: Type.Optional(
    text('an http or https URL like https://api.pwnedpasswords.com/range/', {
      format: 'range-url',
      description: 'Range API, as of Pwned Passwords, that new passwords are looked up in; no check when unset.',
    }),
  ),
  LIMITS: oneOf(['on', 'off'], {
    default: 'on',
    description: '`off` lifts the limits on failed logins, registrations and requests: for benches and tests only.',
  }),
  LOGIN_FAILURES_PER_PAIR: count({
    default: 10,
    description: 'Failed logins of one name from one address before each further one has to wait.',
  }),
  LOGIN_FIRST_DELAY: seconds({ minimum: 1, default: 1, description: 'The first such wait; it doubles with each failure.' }),
  LOGIN_LONGEST_DELAY: seconds({ minimum: 1, default: 900, description: 'The longest such wait.' }),
  LOGIN_FAILURES_PER_ADDRESS: count({
    default: 300,
    description: 'Failed logins from one address in a window; more are refused until it ends.',
  }),
  LOGIN_FAILURES_PER_ACCOUNT: count({
    default: 100,
    description:
      'Failed logins of one name in a window, from addresses that it has not logged in from before; more take turns in a slow lane.',
  }),
  LOGIN_SLOW_LANE: seconds({ minimum: 1, default: 30, description: 'How often that lane lets one login through.' }),
  LOGIN_FAILURES_WINDOW: seconds({
    minimum: 1,
    default: 3600,
    description: 'The window, and how long a name and address are remembered after their last failure.',
  }),
  KNOWN_ADDRESSES_PER_USER: count({
    default: 20,
    maximum: 1000,
    description: "Addresses a user logged in from last that are remembered; nobody else's failures count there.",
  }),
  KNOWN_ADDRESS_HISTORY: seconds({
    minimum: 1,
    default: 15_552_000,
    description: 'How long such an address is remembered after its last login.',
  }),
  REGISTRATIONS_PER_ADDRESS: count({ default: 30, description: 'Registrations that may be asked for from one address in a window.' }),
  REGISTRATIONS_WINDOW: seconds({ minimum: 1, default: 60, description: 'That window.' }),
  REQUESTS_PER_ADDRESS: Type.Optional(
    count({
      description:
        'Refreshes, verifications, introspections, header checks and key reads that one process answers to one address in a minute; any number when unset.',
    }),
  ),
  TRUST_PROXY: listOf(Type.String({ format: 'cidr' }), 'addresses or CIDRs, separated by commas', {
    description: 'Proxies whose `X-Forwarded-For` is believed.',
  }),
  CORS_ORIGINS: listOf(Type.String({ format: 'http-origin' }), 'origins like https://app.example.com, separated by commas', {
    description: 'Origins whose pages may call the API; none when unset.',
  }),
  LOG_LEVEL: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    description: 'Least level that is logged; requests are logged at `info`.',
  }),
  ARGON2_MEMORY_KIB: Type.Integer({
    minimum: 1024,
    maximum: 4_194_304,
    default: 19_456,
    unit: 'KiB',
    description: 'Memory of one password hash.',
  }),
  ARGON2_ITERATIONS: Type.Integer({ minimum: 1, maximum: 1000, default: 2, description: 'Passes of one password hash.' }),
  ARGON2_PARALLELISM: Type.Integer({ minimum: 1, maximum: 64, default: 1, description: 'Lanes of one password hash.' }),
  HASHING_CONCURRENCY: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 256, description: 'Password hashes computed at once; the number of cores when unset.' }),
  ),
  HASHING_QUEUE: Type.Integer({
    minimum: 1,
    maximum: 100_000,
    default: 256,
    description:
      'Password hashes that may wait for their turn: two cores compute as many in some three seconds. What comes later is told to try again.',
  }),
  MAX_CONNECTIONS: Type.Integer({
    minimum: 1,
    maximum: 1_000_000,
    default: 2000,
    description: 'Connections open at once; one more is closed at once. Each may hold some 40 kB of memory.',
  }),
} satisfies TProperties

const Settings = Type.Object(settings)
type Settings = Static<typeof Settings>
type Environment = Readonly<Record<string, string | undefined>>

export type Config = ReturnType<typeof loadConfig>

/**
 * The settings of an environment, checked and under the names the code uses.
 *
 * @param env usually `process.env`; a secret may also come from the file that `NAME_FILE` names
 * @throws {ConfigError} for the first setting that is missing or wrong
 */
export function loadConfig(env: Environment) {
  const value = readSettings(env)
  if (value.JWT_ALGORITHM === 'HS256' && value.JWT_SECRET === undefined) {
    throw new ConfigError('JWT_SECRET is not set, and JWT_ALGORITHM=HS256 wants at least 32 bytes there')
  }
  if (value.SECRETS_KEY_PREVIOUS !== undefined && value.SECRETS_KEY === undefined) {
    throw new ConfigError('SECRETS_KEY is not set, and SECRETS_KEY_PREVIOUS wants the one there that replaces it')
  }
  return {
    host: value.HOST,
    port: value.PORT,
    databaseFile: databaseFile(value.DATABASE_URL) as string,
    publicUrl: value.PUBLIC_URL,
    jwtIssuer: value.JWT_ISSUER ?? value.PUBLIC_URL,
    jwtPreviousIssuers: value.JWT_PREVIOUS_ISSUERS as string[],
    jwtAudience: value.JWT_AUDIENCE,
    jwtAlgorithm: value.JWT_ALGORITHM,
    jwtSecret: value.JWT_SECRET,
    jwksMaxAgeSeconds: value.JWKS_MAX_AGE,
    keyRotationIntervalSeconds: value.KEY_ROTATION_INTERVAL,
    secretsKey: fromBase64(value.SECRETS_KEY),
    secretsKeyPrevious: fromBase64(value.SECRETS_KEY_PREVIOUS),
    accessTokenTtlSeconds: value.ACCESS_TOKEN_TTL,
    refreshTokenTtlSeconds: value.REFRESH_TOKEN_TTL,
    sessionMaxAgeSeconds: value.SESSION_MAX_AGE,
    sessionsPerUser: value.SESSIONS_PER_USER,
    sessionHistorySeconds: value.SESSION_HISTORY,
    eventsHistorySeconds: value.EVENTS_HISTORY,
    refreshRotation: value.REFRESH_ROTATION,
    refreshReuseGraceSeconds: value.REFRESH_REUSE_GRACE,
    registration: value.REGISTRATION,
    breachCheckUrl: value.BREACH_CHECK_URL?.replace(/\/?$/, '/'),
    limits: value.LIMITS,
    loginFailuresPerPair: value.LOGIN_FAILURES_PER_PAIR,
    loginFirstDelaySeconds: value.LOGIN_FIRST_DELAY,
    loginLongestDelaySeconds: value.LOGIN_LONGEST_DELAY,
    loginFailuresPerAddress: value.LOGIN_FAILURES_PER_ADDRESS,
    loginFailuresPerAccount: value.LOGIN_FAILURES_PER_ACCOUNT,
    loginSlowLaneSeconds: value.LOGIN_SLOW_LANE,
    loginFailuresWindowSeconds: value.LOGIN_FAILURES_WINDOW,
    knownAddressesPerUser: value.KNOWN_ADDRESSES_PER_USER,
    knownAddressHistorySeconds: value.KNOWN_ADDRESS_HISTORY,
    registrationsPerAddress: value.REGISTRATIONS_PER_ADDRESS,
    registrationsWindowSeconds: value.REGISTRATIONS_WINDOW,
    requestsPerAddress: value.REQUESTS_PER_ADDRESS,
    trustProxy: value.TRUST_PROXY as string[],
    corsOrigins: value.CORS_ORIGINS as string[],
    logLevel: value.LOG_LEVEL,
    argon2: {
      memoryKib: value.ARGON2_MEMORY_KIB,
      iterations: value.ARGON2_ITERATIONS,
      parallelism: value.ARGON2_PARALLELISM,
    },
    hashingConcurrency: value.HASHING_CONCURRENCY ?? availableParallelism(),
    hashingQueue: value.HASHING_QUEUE,
    maxConnections: value.MAX_CONNECTIONS,
  }
}

function fromBase64(text: string | undefined): Buffer | undefined {
  return text === undefined ? undefined : Buffer.from(text, 'base64')
}

function readSettings(env: Environment): Settings {
  const entries = Object.entries(settings).map(([name, schema]) => [name, readSetting(name, schema, env)] as const)
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Settings
}

function readSetting(name: string, schema: TSchema, env: Environment): unknown {
  const raw = rawValue(name, schema, env)
  if (raw === undefined) return schema.default
  const value = convert(raw, schema)
  if (Check(schema, value) && Buffer.byteLength(raw) >= (schema.bytes ?? 0)) return value
  const got = schema.secret ? `a value of ${Buffer.byteLength(raw)} bytes` : JSON.stringify(raw)
  throw new ConfigError(`${name} is ${got}, and it wants ${wants(schema)}`)
}

/** The variable's text, or for a secret the content of the file that NAME_FILE names, less its last line break. */
function rawValue(name: string, schema: TSchema, env: Environment): string | undefined {
  const file = schema.secret ? env[`${name}_FILE`] : undefined
  if (file === undefined || file === '') return env[name] === '' ? undefined : env[name]
  if (env[name]) throw new ConfigError(`${name} and ${name}_FILE are both set, and only one of them can be`)
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw new ConfigError(`${name}_FILE is ${JSON.stringify(file)}, which cannot be read: ${(error as Error).message}`)
  }
}

function convert(raw: string, schema: TSchema): unknown {
  if (schema.type === 'integer') return /^-?\d+$/.test(raw) ? Number(raw) : raw
  if (schema.type === 'array') return raw.split(',').map((item) => item.trim())
  return raw
}

function wants(schema: TSchema): string {
  return schema.wants ?? `a whole number from ${schema.minimum} to ${schema.maximum}`
}

/** The path of a SQLite database, or `:memory:`; undefined for anything else. */
function databaseFile(url: string): string | undefined {
  if (url === ':memory:') return url
  return /^file:./.test(url) ? url.slice('file:'.length).replace(/^\/\/(?=\/)/, '') : undefined
}

function isHttpUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) && !value.endsWith('/')
}

/** Something is put behind it, and it shall be no secret: no query, no fragment, no credentials. */
function isRangeUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:\/\/[^?#@\s]+$/.test(value)
}

function isHttpOrigin(value: string): boolean {
  return isHttpUrl(value) && new URL(value).origin === value && !value.includes('*')
}

function isCidr(value: string): boolean {
  const [address = '', bits, ...rest] = value.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  // To trust everybody is to trust nobody's address: /0 is refused.
  return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}
