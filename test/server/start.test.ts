import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import t from 'tap'
import { ConfigError, loadConfig } from '../../config.ts'
import { migrations } from '../../db/migrate.ts'
import { openDatabase } from '../../db/open.ts'
import { bare, folder, postTo, ROOT, start, startInVain } from './process.ts'
import { runShared } from './shared-process.ts'

const SECRET = 'a secret of at least thirty-two bytes'

/** Wrong settings, each with the message of its error. */
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
  [{ DATABASE_URL: 'postgres://me:hunter2@host/db' }, 'DATABASE_URL must be file:PATH or :memory:, got a value of 29 bytes'],
  [{ DATABASE_URL: 'file:' }, 'DATABASE_URL must be file:PATH or :memory:, got a value of 5 bytes'],
  [{ TRUST_PROXY: 'true' }, 'TRUST_PROXY must be addresses or CIDRs, separated by commas, got "true"'],
  [{ TRUST_PROXY: '10.0.0.0/33' }, 'TRUST_PROXY must be addresses or CIDRs, separated by commas, got "10.0.0.0/33"'],
  [{ TRUST_PROXY: '10.0.0.0/8,' }, 'TRUST_PROXY must be addresses or CIDRs, separated by commas, got "10.0.0.0/8,"'],
  [{ CORS_ORIGINS: '*' }, 'CORS_ORIGINS must be origins like https://app.example.com, separated by commas, got "*"'],
  [
    { CORS_ORIGINS: 'https://app.example.com/' },
    'CORS_ORIGINS must be origins like https://app.example.com, separated by commas, got "https://app.example.com/"',
  ],
  [{ CORS_ORIGINS: 'null' }, 'CORS_ORIGINS must be origins like https://app.example.com, separated by commas, got "null"'],
  ...['https://*.example.com', 'HTTPS://app.example.com', 'https://app.example.com:443', 'https://app.example.com,*'].map(
    (origins): [Record<string, string>, string] => [
      { CORS_ORIGINS: origins },
      `CORS_ORIGINS must be origins like https://app.example.com, separated by commas, got "${origins}"`,
    ],
  ),
  ...['yes', 'ftp://pwned.example.com/range/', 'https://pwned.example.com/?range=', 'https://me:hunter2@pwned.example.com/'].map(
    (url): [Record<string, string>, string] => [
      { BREACH_CHECK_URL: url },
      `BREACH_CHECK_URL must be an http or https URL like https://api.pwnedpasswords.com/range/, got "${url}"`,
    ],
  ),
  [{ PUBLIC_URL: 'auth.example.com' }, 'PUBLIC_URL must be an http or https URL without a slash at its end, got "auth.example.com"'],
  [
    { PUBLIC_URL: 'https://auth.example.com/' },
    'PUBLIC_URL must be an http or https URL without a slash at its end, got "https://auth.example.com/"',
  ],
  [{ REFRESH_ROTATION: 'sometimes' }, 'REFRESH_ROTATION must be one of on, off, confirmed, got "sometimes"'],
  [{ REGISTRATION: 'yes' }, 'REGISTRATION must be one of open, closed, got "yes"'],
  [{ LOG_LEVEL: 'verbose' }, 'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, got "verbose"'],
  [{ ACCESS_TOKEN_TTL: '0' }, 'ACCESS_TOKEN_TTL must be a whole number from 1 to 315360000, got "0"'],
  [{ REFRESH_REUSE_GRACE: '1.5' }, 'REFRESH_REUSE_GRACE must be a whole number from 0 to 315360000, got "1.5"'],
  [{ SESSION_MAX_AGE: '99999999999999999999' }, 'SESSION_MAX_AGE must be a whole number from 1 to 315360000, got "99999999999999999999"'],
  [{ ARGON2_MEMORY_KIB: '512' }, 'ARGON2_MEMORY_KIB must be a whole number from 1024 to 4194304, got "512"'],
  [{ HASHING_CONCURRENCY: '0' }, 'HASHING_CONCURRENCY must be a whole number from 1 to 256, got "0"'],
]

t.test('a wrong setting is refused with its name, what it must be and what it is', async (t) => {
  for (const [env, message] of refused) {
    t.throws(() => loadConfig(env), new ConfigError(message), JSON.stringify(env))
  }
})

t.test('the error for an unreadable file of a secret names the setting and the file', async (t) => {
  const missing = join(folder(t), 'secret')
  t.throws(() => loadConfig({ JWT_SECRET_FILE: missing }), { message: `JWT_SECRET_FILE is "${missing}", which cannot be read: ` })
  t.throws(() => loadConfig({ JWT_SECRET_FILE: folder(t) }), { message: /^JWT_SECRET_FILE is ".*", which cannot be read: EISDIR/ })
})

t.test('a secret can be read from a file, without the line break at its end', async (t) => {
  const file = join(folder(t), 'secret')
  writeFileSync(file, `${SECRET}\r\n`)
  t.equal(loadConfig({ JWT_SECRET_FILE: file }).jwtSecret, SECRET)
  writeFileSync(file, `${'x'.repeat(31)}\n`)
  t.throws(() => loadConfig({ JWT_SECRET_FILE: file }), new ConfigError('JWT_SECRET must be at least 32 bytes, got a value of 31 bytes'))
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

/** Starts that fail, each with one line that names the setting. `env` may make files in the folder of the test. */
const failing: { name: string; env: (dir: string) => Record<string, string> | Promise<Record<string, string>>; line: RegExp }[] = [
  {
    name: 'a wrong port',
    env: () => ({ PORT: '70000', DATABASE_URL: ':memory:' }),
    line: /^latchkey cannot start: PORT must be a whole number from 0 to 65535, got "70000"$/m,
  },
  {
    name: 'an address of another machine',
    env: () => ({ HOST: '192.0.2.1', DATABASE_URL: ':memory:' }),
    line: /^latchkey cannot start: HOST and PORT: cannot listen: .*EADDRNOTAVAIL/,
  },
  { name: 'a host that is no name', env: () => ({ HOST: 'a..b', DATABASE_URL: ':memory:' }), line: /^latchkey cannot start: HOST\b/ },
  {
    name: 'proxies of all addresses',
    env: () => ({ TRUST_PROXY: '0.0.0.0/0', DATABASE_URL: ':memory:' }),
    line: /^latchkey cannot start: TRUST_PROXY\b/,
  },
  {
    name: 'a short secret',
    env: () => ({ JWT_SECRET: 'hunter2', DATABASE_URL: ':memory:' }),
    line: /^latchkey cannot start: JWT_SECRET must be at least 32 bytes, got a value of 7 bytes$/m,
  },
  {
    name: 'a folder in the place of the database',
    env: (dir) => ({ DATABASE_URL: `file:${dir}` }),
    line: /^latchkey cannot start: DATABASE_URL\b/,
  },
  {
    name: 'a folder that cannot be made',
    env(dir) {
      writeFileSync(join(dir, 'file'), '')
      return { DATABASE_URL: `file:${dir}/file/below/latchkey.db` }
    },
    line: /^latchkey cannot start: DATABASE_URL\b/,
  },
  {
    name: 'a folder in a file system that allows no new ones',
    env: () => ({ DATABASE_URL: 'file:/proc/latchkey/latchkey.db' }),
    line: /^latchkey cannot start: DATABASE_URL\b/,
  },
  {
    name: 'a file that is no database',
    env(dir) {
      writeFileSync(join(dir, 'latchkey.db'), 'hunter2 '.repeat(1000))
      return { DATABASE_URL: `file:${dir}/latchkey.db` }
    },
    line: /^latchkey cannot start: DATABASE_URL\b/,
  },
  {
    name: 'a database whose pages are damaged',
    async env(dir) {
      const file = await databaseIn(dir)
      const sqlite = new SQLite(file)
      sqlite.unsafeMode()
      sqlite.pragma('writable_schema = ON')
      sqlite.exec("update sqlite_schema set rootpage = 9999 where name = 'kysely_migration'")
      sqlite.close()
      return { DATABASE_URL: `file:${file}` }
    },
    line: /^latchkey cannot start: DATABASE_URL\b/,
  },
  {
    name: 'a database of a newer version',
    async env(dir) {
      const file = await databaseIn(dir)
      const sqlite = new SQLite(file)
      sqlite.exec("insert into kysely_migration values ('999-later', '2026-01-01T00:00:00Z')")
      sqlite.close()
      return { DATABASE_URL: `file:${file}` }
    },
    line: /^latchkey cannot start: DATABASE_URL\b/,
  },
  {
    name: 'a signing key that cannot be read',
    async env(dir) {
      const file = await databaseIn(dir)
      const sqlite = new SQLite(file)
      sqlite.exec("insert into signing_keys (kid, algorithm, private_key, created_at) values ('k1', 'ES256', '-----hunter2', 1)")
      sqlite.close()
      return { DATABASE_URL: `file:${file}` }
    },
    line: /^latchkey cannot start: DATABASE_URL\b.*signing key k1\b/,
  },
]

async function databaseIn(dir: string): Promise<string> {
  const file = join(dir, 'latchkey.db')
  await (await openDatabase(`file:${file}`)).close()
  return file
}

for (const { name, env, line } of failing) {
  t.test(`${name} ends the start with one line that names the setting`, async (t) => {
    const end = await runShared(await env(folder(t)), 'server.ts')
    t.equal(end.code, 1)
    t.equal(end.stdout, '')
    t.match(end.stderr, line)
    t.equal(end.stderr.trimEnd().split('\n').length, 1, end.stderr)
    t.notMatch(end.stderr, 'hunter2')
  })
}

t.test('a taken port ends the start with one line that names the setting', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  t.teardown(() => taken.close())
  await new Promise((resolve) => taken.once('listening', resolve))
  const { port } = taken.address() as { port: number }
  const end = await startInVain(t, { PORT: String(port), DATABASE_URL: ':memory:' })
  t.equal(end.code, 1)
  t.equal(end.stderr, `latchkey cannot start: HOST and PORT: cannot listen: listen EADDRINUSE: address already in use 127.0.0.1:${port}\n`)
})

t.test('a database that another process keeps locked ends the start with one line that names the setting', async (t) => {
  const file = await databaseIn(folder(t))
  const other = new SQLite(file)
  t.teardown(() => other.close())
  other.exec('begin immediate')
  const end = await startInVain(t, { DATABASE_URL: `file:${file}` })
  t.equal(end.code, 1)
  t.match(end.stderr, /^latchkey cannot start: DATABASE_URL\b.*locked/)
  t.equal(end.stderr.trimEnd().split('\n').length, 1, end.stderr)
})

const needsRoot = process.getuid?.() === 0 ? {} : { skip: 'needs root, to start as another user' }
t.test('a database file that may not be written ends the start with one line that names the setting', needsRoot, async (t) => {
  const file = await databaseIn(folder(t))
  // Only opening the database runs as another user: the project's own files may be closed to it.
  const script = `process.setgid(65534); process.setuid(65534); await import('${ROOT}/server.ts')`
  const end = await startInVain(t, { DATABASE_URL: `file:${file}` }, bare(process.execPath, '--input-type=module', '-e', script))
  t.equal(end.code, 1)
  t.match(end.stderr, /^latchkey cannot start: DATABASE_URL\b/)
  t.equal(end.stderr.trimEnd().split('\n').length, 1, end.stderr)
})

t.test('of three processes that start together on a new file, one makes its tables and its key', async (t) => {
  const dir = join(folder(t), 'made/by/the/first')
  const env = { DATABASE_URL: `file:${dir}/latchkey.db` }
  const services = await Promise.all([start(t, env), start(t, env), start(t, env)])
  const sets = await Promise.all(services.map(async ({ url }) => (await fetch(`${url}/.well-known/jwks.json`)).json()))
  t.equal((sets[0] as { keys: unknown[] }).keys.length, 1)
  t.same(sets[1], sets[0])
  t.same(sets[2], sets[0])

  const credentials = { username: 'alice', password: 'correct horse battery' }
  const [one, two, three] = services.map(({ url }) => url)
  t.same(await postTo(`${one}/api/users/`, credentials), { status: 201, body: { message: 'User created successfully' } })
  const { access } = (await postTo(`${two}/api/token/`, credentials)).body as { access: string }
  t.same(await postTo(`${three}/api/token/verify/`, { token: access }), { status: 200, body: {} })

  for (const service of services) t.match(await service.stop(), { code: 0, signal: null })
  t.notOk(existsSync(`${dir}/latchkey.db-wal`))
  const sqlite = new SQLite(`${dir}/latchkey.db`, { readonly: true })
  t.teardown(() => sqlite.close())
  t.same(sqlite.prepare('select count(*) as n from signing_keys').get(), { n: 1 })
  t.same(sqlite.prepare('select name from kysely_migration').pluck().all(), Object.keys(migrations))
})

t.test('the database is made in its folder, and is used again after a restart', async (t) => {
  const dir = folder(t)
  mkdirSync(join(dir, 'data'))
  const env = { DATABASE_URL: `file:${dir}/data/latchkey.db` }
  const first = await start(t, env)
  const keys = await (await fetch(`${first.url}/.well-known/jwks.json`)).json()
  await first.stop()
  const second = await start(t, env)
  t.same(await (await fetch(`${second.url}/.well-known/jwks.json`)).json(), keys)
})
