// Not on PostgreSQL: it uses no database.
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ConfigError, loadConfig } from '../config.ts'
import { folder } from './server/process.ts'

const SECRET = 'a secret of at least thirty-two bytes'

const LEGACY_JWT_UNTIL = '2026-12-01'

function pemOf(type: string, options: object): string {
  const { publicKey } = generateKeyPairSync(type as 'rsa', options as { modulusLength: number })
  return publicKey.export({ type: 'spki', format: 'pem' }).toString().trim()
}

function privatePem(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().trim()
}

const PUBLIC_KEY = pemOf('ed25519', {})

/** Wrong settings, each with the message of its error. */
const WRONG_URL = 'DATABASE_URL must be file:PATH, :memory: or postgres://USER:PASSWORD@HOST:PORT/DATABASE, got a value of'

const refused: [env: Record<string, string>, message: string][] = [
  [{ PORT: 'http' }, 'PORT must be a whole number from 0 to 65535, got "http"'],
  [{ PORT: '65536' }, 'PORT must be a whole number from 0 to 65535, got "65536"'],
  [{ PORT: '-1' }, 'PORT must be a whole number from 0 to 65535, got "-1"'],
  [{ PORT: '3e3' }, 'PORT must be a whole number from 0 to 65535, got "3e3"'],
  [{ PORT: '0x50' }, 'PORT must be a whole number from 0 to 65535, got "0x50"'],
  [{ PORT: ' 80' }, 'PORT must be a whole number from 0 to 65535, got " 80"'],
  [{ JWT_ALGORITHM: 'none' }, 'JWT_ALGORITHM must be one of ES256, EdDSA, RS256, HS256, got "none"'],
  [{ JWT_ALGORITHM: 'hs256' }, 'JWT_ALGORITHM must be one of ES256, EdDSA, RS256, HS256, got "hs256"'],
  [{ JWT_ALGORITHM: 'HS256' }, 'JWT_SECRET must be at least 32 bytes where JWT_ALGORITHM is HS256, and is not set'],
  [{ SECRETS_KEY: 'hunter2' }, 'SECRETS_KEY must be 32 bytes in base64, as `openssl rand -base64 32` makes them, got a value of 7 bytes'],
  [
    { SECRETS_KEY: Buffer.alloc(31).toString('base64') },
    'SECRETS_KEY must be 32 bytes in base64, as `openssl rand -base64 32` makes them, got a value of 44 bytes',
  ],
  [
    { SECRETS_KEY: 'x'.repeat(32) },
    'SECRETS_KEY must be 32 bytes in base64, as `openssl rand -base64 32` makes them, got a value of 32 bytes',
  ],
  [
    { SECRETS_KEY_PREVIOUS: Buffer.alloc(32).toString('base64') },
    'SECRETS_KEY must be the new key where SECRETS_KEY_PREVIOUS is set, and is not set',
  ],
  [{ KEY_ROTATION_INTERVAL: '0' }, 'KEY_ROTATION_INTERVAL must be a whole number from 1 to 315360000, got "0"'],
  [{ JWT_SECRET: 'hunter2' }, 'JWT_SECRET must be at least 32 bytes, got a value of 7 bytes'],
  [{ JWT_SECRET: SECRET, JWT_SECRET_FILE: '/dev/null' }, 'JWT_SECRET and JWT_SECRET_FILE are both set, and only one of them can be'],
  [
    { DATABASE_URL: 'file:x', DATABASE_URL_FILE: '/dev/null' },
    'DATABASE_URL and DATABASE_URL_FILE are both set, and only one of them can be',
  ],
  [{ DATABASE_URL: 'mysql://me:hunter2@host/db' }, `${WRONG_URL} 26 bytes`],
  [{ DATABASE_URL: 'postgres://me:hunter2@one,two/db' }, 'DATABASE_URL is wrong: it names several hosts, and can name only one'],
  [{ DATABASE_URL: 'file:' }, `${WRONG_URL} 5 bytes`],
  [{ DATABASE_URL: 'file: x' }, `${WRONG_URL} 7 bytes`],
  [{ TRUST_PROXY: 'true' }, 'TRUST_PROXY must be addresses or CIDRs, separated by commas, got "true"'],
  [{ TRUST_PROXY: '10.0.0.0/33' }, 'TRUST_PROXY must be addresses or CIDRs, separated by commas, got "10.0.0.0/33"'],
  ...[
    ...['10.0.0.0/8,', '10.0.0.0/', '10.0.0.0/0', '::/0', '::/129', '10.0.0.0/08', '10.0.0.0/8/8'],
    ...['loopback', '10.0.0.1:80', '[::1]', 'fe80::1%eth0'],
    // All IPv4 addresses, as mapped ones.
    ...['::ffff:0:0/96', '::ffff:10.0.0.0/8'],
  ].map((proxies): [Record<string, string>, string] => [
    { TRUST_PROXY: proxies },
    `TRUST_PROXY must be addresses or CIDRs, separated by commas, got "${proxies}"`,
  ]),
  ...[
    ...['*', 'NULL', 'null,', 'https', 'http://', '://x', '//app.example.com', 'app.example.com', 'https://app.example.com,*'],
    ...['https://app.example.com/', 'https://*.example.com', 'HTTPS://app.example.com', 'https://app.example.com:443'],
    ...['capacitor://localhost/', 'Ionic://localhost', 'app://*', 'app://x:y', 'app:x', 'app://x#y', 'app://x?y', 'app://x y'],
    ...['app://x\\y', 'app://x\ny', 'app://ä'],
  ].map((origins): [Record<string, string>, string] => [
    { CORS_ORIGINS: origins },
    `CORS_ORIGINS must be origins like https://app.example.com or capacitor://localhost, or null, separated by commas, got ${JSON.stringify(origins)}`,
  ]),
  ...['yes', 'ftp://pwned.example.com/range/', 'https://pwned.example.com/?range='].map((url): [Record<string, string>, string] => [
    { BREACH_CHECK_URL: url },
    `BREACH_CHECK_URL must be an http or https URL like https://api.pwnedpasswords.com/range/, got "${url}"`,
  ]),
  ...[
    ...['auth.example.com', 'https://auth.example.com/', 'https://auth.example.com/id/', 'ftp://auth.example.com', 'https://', 'https:x'],
    ...['HTTPS://auth.example.com', 'https:///auth.example.com', 'https://auth.example.com:99999', 'https://?x', 'https://#f'],
    ...['https://auth.example.com?x', 'https://auth.example.com/id?', 'https://auth.example.com#f', 'https://auth.example.com/id#'],
    ...[' https://auth.example.com', 'https://auth.example.com ', 'https://auth.example.com/a b', 'https://auth.\u00a0example.com'],
    ...[
      'https://auth.example.com\r',
      'https://auth.example.com\r\nX-Evil: 1',
      'https://auth.exa\tmple.com',
      'https://auth.example.com/\x7f',
    ],
    ...['https://auth.example.com/%zz', 'https://auth.example.com/%', 'https://auth.example.com/%ff', 'https://%zz.example.com'],
    ...['https://auth.example.com\\id', 'https:\\\\auth.example.com', 'https://\\auth.example.com', 'https://auth.example.com/\u200b'],
  ].map((url): [Record<string, string>, string] => [
    { PUBLIC_URL: url },
    `PUBLIC_URL must be an http or https URL of origin and path alone, in its normal form, without a slash at its end, got ${JSON.stringify(url)}`,
  ]),
  ...[
    ['https://auth.example.com/../id', 'https://auth.example.com/id'],
    ['https://auth.example.com/id/..', 'https://auth.example.com'],
    ['https://auth.example.com/%2e%2E/id', 'https://auth.example.com/id'],
    ['https://auth.example.com/./id', 'https://auth.example.com/id'],
    ['https://auth.example.com:443/id', 'https://auth.example.com/id'],
    ['http://127.1:8080', 'http://127.0.0.1:8080'],
    ['https://Auth.example.com/ID', 'https://auth.example.com/ID'],
    ['https://münchen.example/ä', 'https://xn--mnchen-3ya.example/%C3%A4'],
  ].map(([url, normal]): [Record<string, string>, string] => [
    { PUBLIC_URL: url as string },
    `PUBLIC_URL is wrong: its normal form is ${normal}, got "${url}"`,
  ]),
  ...[' ', '\t', ' https://id.example.com', 'https://id.example.com\n', '\u3000', '\u200b', 'a\nb', 'x'.repeat(1001)].flatMap((value) =>
    ['JWT_ISSUER', 'JWT_AUDIENCE', 'JWT_CLIENT_ID'].map((name): [Record<string, string>, string] => [
      { [name]: value },
      `${name} must be a text of at most 1000 characters, without control characters or white space around it, got ${JSON.stringify(value)}`,
    ]),
  ),
  ...[' ', ',', 'https://old.example.com,', 'https://old.example.com, ,https://older.example.com'].map(
    (issuers): [Record<string, string>, string] => [
      { JWT_PREVIOUS_ISSUERS: issuers },
      `JWT_PREVIOUS_ISSUERS must be issuers, separated by commas, got ${JSON.stringify(issuers)}`,
    ],
  ),
  [{ LEGACY_JWT_SECRET: 'x'.repeat(31), LEGACY_JWT_UNTIL }, 'LEGACY_JWT_SECRET must be at least 32 bytes, got a value of 31 bytes'],
  ...[PUBLIC_KEY, privatePem()].map((pem): [Record<string, string>, string] => [
    { LEGACY_JWT_SECRET: pem, LEGACY_JWT_UNTIL },
    'LEGACY_JWT_SECRET is wrong: it is a key in PEM; a public one goes into LEGACY_JWT_PUBLIC_KEY',
  ]),
  [{ LEGACY_JWT_SECRET: SECRET }, 'LEGACY_JWT_UNTIL must be a date where LEGACY_JWT_SECRET is set, and is not set'],
  [{ LEGACY_JWT_PUBLIC_KEY: PUBLIC_KEY }, 'LEGACY_JWT_UNTIL must be a date where LEGACY_JWT_PUBLIC_KEY is set, and is not set'],
  [
    { LEGACY_JWT_SECRET: SECRET, LEGACY_JWT_PUBLIC_KEY: PUBLIC_KEY, LEGACY_JWT_UNTIL },
    'LEGACY_JWT_SECRET and LEGACY_JWT_PUBLIC_KEY are both set, and only one of them can be',
  ],
  ...['LEGACY_JWT_UNTIL', 'LEGACY_JWT_ISSUER', 'LEGACY_JWT_AUDIENCE', 'LEGACY_JWT_USER_CLAIM'].map(
    (name): [Record<string, string>, string] => [
      { [name]: LEGACY_JWT_UNTIL },
      `LEGACY_JWT_SECRET or LEGACY_JWT_PUBLIC_KEY must be a key where ${name} is set, and neither is set`,
    ],
  ),
  ...['soon', '2027-02-30', '2027-3-1', '2027-03-01T00:00:00', '1803859200', '2027-03-01 00:00:00Z', ' 2027-03-01'].map(
    (until): [Record<string, string>, string] => [
      { LEGACY_JWT_SECRET: SECRET, LEGACY_JWT_UNTIL: until },
      `LEGACY_JWT_UNTIL must be a date like 2027-03-01, which begins in UTC, or an instant like 2027-03-01T12:00:00Z, got "${until}"`,
    ],
  ),
  ...[SECRET, pemOf('rsa', { modulusLength: 1024 }), pemOf('ec', { namedCurve: 'P-384' }), pemOf('ed448', {})].map(
    (pem): [Record<string, string>, string] => [
      { LEGACY_JWT_PUBLIC_KEY: pem, LEGACY_JWT_UNTIL },
      `LEGACY_JWT_PUBLIC_KEY must be a public key in PEM: RSA of at least 2048 bits, EC on P-256, or Ed25519, got a value of ${pem.length} bytes`,
    ],
  ),
  [
    { LEGACY_JWT_PUBLIC_KEY: privatePem(), LEGACY_JWT_UNTIL },
    'LEGACY_JWT_PUBLIC_KEY is wrong: it is a private key, and must be the public one',
  ],
  [{ JWT_PROFILE: 'rfc7519' }, 'JWT_PROFILE must be one of simple, rfc9068, got "rfc7519"'],
  [{ JWT_PROFILE: 'rfc9068' }, 'JWT_AUDIENCE must be a text where JWT_PROFILE is rfc9068, and is not set'],
  [{ REFRESH_ROTATION: 'sometimes' }, 'REFRESH_ROTATION must be one of on, off, confirmed, got "sometimes"'],
  [{ REGISTRATION: 'yes' }, 'REGISTRATION must be one of open, closed, got "yes"'],
  [{ LOG_LEVEL: 'verbose' }, 'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, got "verbose"'],
  [{ ACCESS_TOKEN_TTL: '0' }, 'ACCESS_TOKEN_TTL must be a whole number from 1 to 315360000, got "0"'],
  [{ REFRESH_REUSE_GRACE: '1.5' }, 'REFRESH_REUSE_GRACE must be a whole number from 0 to 315360000, got "1.5"'],
  [{ SESSION_MAX_AGE: '99999999999999999999' }, 'SESSION_MAX_AGE must be a whole number from 1 to 315360000, got "99999999999999999999"'],
  [{ ARGON2_MEMORY_KIB: '512' }, 'ARGON2_MEMORY_KIB must be a whole number from 1024 to 4194304, got "512"'],
  [{ HASHING_CONCURRENCY: '0' }, 'HASHING_CONCURRENCY must be a whole number from 1 to 256, got "0"'],
  [{ HASHING_MEMORY_MIB: '0' }, 'HASHING_MEMORY_MIB must be a whole number from 1 to 65536, got "0"'],
]

t.test('a wrong setting is refused with its name, what it must be and what it is', async (t) => {
  for (const [env, message] of refused) {
    t.throws(() => loadConfig(env), new ConfigError([message]), JSON.stringify(env))
  }
})

t.test('every wrong setting is told at once, a line each, in the order of the table', async (t) => {
  const faults = [
    'PORT must be a whole number from 0 to 65535, got "http"',
    'JWT_ALGORITHM must be one of ES256, EdDSA, RS256, HS256, got "none"',
    'JWT_SECRET must be at least 32 bytes, got a value of 7 bytes',
    'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, got "loud"',
    'JWT_AUDIENCE must be a text where JWT_PROFILE is rfc9068, and is not set',
  ]
  const env = { LOG_LEVEL: 'loud', JWT_PROFILE: 'rfc9068', JWT_SECRET: 'hunter2', JWT_ALGORITHM: 'none', PORT: 'http' }
  t.throws(() => loadConfig(env), { message: faults.join('\n'), faults })
})

t.test('a setting that another one needs is not told to be missing when it is wrong', async (t) => {
  const previous = Buffer.alloc(32).toString('base64')
  for (const [env, fault] of [
    [{ JWT_ALGORITHM: 'HS256', JWT_SECRET: 'hunter2' }, /^JWT_SECRET must be at least 32 bytes, got a value of 7 bytes$/],
    [{ JWT_PROFILE: 'rfc9068', JWT_AUDIENCE: ' ' }, /^JWT_AUDIENCE must be .*, got " "$/],
    [{ SECRETS_KEY: 'hunter2', SECRETS_KEY_PREVIOUS: previous }, /^SECRETS_KEY must be 32 bytes .*, got a value of 7 bytes$/],
  ] as const) {
    t.throws(() => loadConfig(env), { message: fault })
  }
  t.throws(() => loadConfig({ SECRETS_KEY_PREVIOUS: 'hunter2' }), {
    message: /^SECRETS_KEY_PREVIOUS must be .*\nSECRETS_KEY must be the new key where SECRETS_KEY_PREVIOUS is set, and is not set$/,
  })
})

t.test('a refused URL that may have a password in it is not printed', async (t) => {
  const withPassword = [
    'https://me:hunter2@auth.example.com',
    'https://hunter2@auth.example.com/id',
    'https://me:hunter2%40auth.example.com',
    'https://me:hunter2＠auth.example.com',
    'https:/me:hunter2@auth.example.com',
    'https:\\\\me:hunter2@auth.example.com',
    'https://me:hunter2@',
    'https://me:hunter2@auth.example.com:99999',
    'https://auth.example.com,me:hunter2@auth.example.com',
    'me:hunter2@auth.example.com',
    'https://me:hunter2\r\n@auth.example.com',
  ]
  for (const url of withPassword) {
    for (const name of ['PUBLIC_URL', 'BREACH_CHECK_URL', 'CORS_ORIGINS']) {
      const message = new RegExp(`^${name} must be .*, got a value of ${Buffer.byteLength(url)} bytes$`)
      t.throws(() => loadConfig({ [name]: url }), { message }, `${name} ${JSON.stringify(url)}`)
    }
  }
})

t.test('CORS_ORIGINS takes origins of pages, of web views with a scheme of their own, and null', async (t) => {
  const origins = [
    ...['https://app.example.com', 'http://localhost:5173', 'http://[::1]:5173', 'capacitor://localhost', 'ionic://localhost'],
    ...['app://x', 'app://-', 'tauri://localhost', 'chrome-extension://abcdefghijklmnop', 'app+v2.x://my_app:80', 'file://', 'null'],
  ]
  t.same(loadConfig({ CORS_ORIGINS: origins.join(', ') }).corsOrigins, origins)
})

t.test('PUBLIC_URL is localhost with the port of PORT while it is unset, and the issuer follows it', async (t) => {
  const urls = (env: Record<string, string>) => {
    const { publicUrl, jwtIssuer } = loadConfig(env)
    return [publicUrl, jwtIssuer]
  }
  t.same(urls({}), ['http://localhost:3000', 'http://localhost:3000'])
  t.same(urls({ PORT: '4300' }), ['http://localhost:4300', 'http://localhost:4300'])
  t.same(urls({ PORT: '0' }), ['http://localhost:0', 'http://localhost:0'])
  t.same(urls({ PORT: '4300', JWT_ISSUER: 'https://id.example.com' }), ['http://localhost:4300', 'https://id.example.com'])
  for (const url of [
    'https://auth.example.com',
    'http://127.0.0.1:8080/id',
    'http://[::1]:3000',
    'https://xn--mnchen-3ya.example/%C3%A4',
  ]) {
    t.same(urls({ PORT: '4300', PUBLIC_URL: url }), [url, url])
  }
})

t.test('JWT_PROFILE is simple and JWT_CLIENT_ID is latchkey until they are set', async (t) => {
  const profile = (env: Record<string, string>) => {
    const { jwtProfile, jwtClientId, jwtAudience } = loadConfig(env)
    return { jwtProfile, jwtClientId, jwtAudience }
  }
  t.same(profile({}), { jwtProfile: 'simple', jwtClientId: 'latchkey', jwtAudience: undefined })
  t.same(profile({ JWT_PROFILE: 'rfc9068', JWT_AUDIENCE: 'https://api.example.com', JWT_CLIENT_ID: 'app' }), {
    jwtProfile: 'rfc9068',
    jwtClientId: 'app',
    jwtAudience: 'https://api.example.com',
  })
})

t.test('SECRETS_KEY and SECRETS_KEY_PREVIOUS can be read from files, too', async (t) => {
  const files = ['old', 'new'].map((name) => join(folder(t), name)) as [string, string]
  files.forEach((file, index) => {
    writeFileSync(file, `${Buffer.alloc(32, index).toString('base64')}\n`)
  })
  const { secretsKey, secretsKeyPrevious } = loadConfig({ SECRETS_KEY_FILE: files[1], SECRETS_KEY_PREVIOUS_FILE: files[0] })
  t.same([secretsKey, secretsKeyPrevious], [Buffer.alloc(32, 1), Buffer.alloc(32, 0)])
})

t.test('an empty setting counts as unset', async (t) => {
  t.equal(loadConfig({ PORT: '', JWT_SECRET: '', JWT_SECRET_FILE: '' }).port, 3000)
})

t.test('LEGACY_JWT_UNTIL is at most 400 days ahead of the start, and may be over', (t) => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  const until = (text: string) => loadConfig({ LEGACY_JWT_SECRET: SECRET, LEGACY_JWT_UNTIL: text }, now).legacyJwtUntil
  t.equal(until('2027-02-05'), now + 400 * 86_400_000)
  t.equal(until('2027-02-05T01:00:00+01:00'), now + 400 * 86_400_000)
  t.equal(until('2020-01-01'), Date.parse('2020-01-01T00:00:00Z'))
  t.throws(() => until('2027-02-05T00:00:01Z'), {
    message: 'LEGACY_JWT_UNTIL must be at most 400 days ahead, got "2027-02-05T00:00:01.000Z"',
  })
  t.end()
})

t.test('the keys of legacy tokens can come from files', (t) => {
  const [secret, key] = [join(folder(t), 'secret'), join(folder(t), 'key')]
  writeFileSync(secret, `${SECRET}\n`)
  writeFileSync(key, `${PUBLIC_KEY}\n`)
  t.equal(loadConfig({ LEGACY_JWT_SECRET_FILE: secret, LEGACY_JWT_UNTIL }).legacyJwtSecret, SECRET)
  t.equal(loadConfig({ LEGACY_JWT_PUBLIC_KEY_FILE: key, LEGACY_JWT_UNTIL }).legacyJwtPublicKey, PUBLIC_KEY)
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ofPkcs1 = publicKey.export({ type: 'pkcs1', format: 'pem' }).toString().trim()
  t.equal(loadConfig({ LEGACY_JWT_PUBLIC_KEY: ofPkcs1, LEGACY_JWT_UNTIL }).legacyJwtPublicKey, ofPkcs1)
  t.end()
})
