// Not on PostgreSQL: it is about starting with a file of SQLite, and about settings.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import t from 'tap'
import { migrations } from '../../db/migrate.ts'
import { openDatabase } from '../../db/open.ts'
import { bare, folder, postTo, ROOT, start, startInVain } from './process.ts'
import { runShared } from './shared-process.ts'

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
    line: /^latchkey cannot start: DATABASE_URL: cannot use the database: it was made by a newer version of latchkey, with the migration 999-later, which this version does not know: run that version, or restore a backup from before its upgrade$/m,
  },
  {
    name: 'a database of another program that has migrations',
    env(dir) {
      const sqlite = new SQLite(join(dir, 'latchkey.db'))
      sqlite.exec("create table kysely_migration (name text, timestamp text); insert into kysely_migration values ('first', '2026')")
      sqlite.close()
      return { DATABASE_URL: `file:${dir}/latchkey.db` }
    },
    line: /^latchkey cannot start: DATABASE_URL: cannot use the database: it is the database of another program, with the migration first$/m,
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
    const end = await runShared({ LOG_LEVEL: 'warn', ...(await env(folder(t))) }, 'server.ts')
    t.equal(end.code, 1)
    t.equal(end.stdout, '')
    t.match(end.stderr, line)
    t.equal(end.stderr.trimEnd().split('\n').length, 1, end.stderr)
    t.notMatch(end.stderr, 'hunter2')
  })
}

t.test('every wrong setting has a line of its own, from the server and from the command', async (t) => {
  const env = { PORT: '70000', JWT_SECRET: 'hunter2', LOG_LEVEL: 'loud', DATABASE_URL: ':memory:' }
  const faults = [
    'PORT must be a whole number from 0 to 65535, got "70000"',
    'JWT_SECRET must be at least 32 bytes, got a value of 7 bytes',
    'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, got "loud"',
  ]
  const printed = (prefix: string) => faults.map((fault) => `${prefix}${fault}\n`).join('')
  t.match(await runShared(env, 'server.ts'), { code: 1, stdout: '', stderr: printed('latchkey cannot start: ') })
  t.match(await runShared(env, 'cli.ts', 'keys', 'list'), { code: 1, stdout: '', stderr: printed('latchkey: ') })
})

t.test('a taken port ends the start with one line that names the setting', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  t.teardown(() => taken.close())
  await new Promise((resolve) => taken.once('listening', resolve))
  const { port } = taken.address() as { port: number }
  const end = await runShared({ PORT: String(port), DATABASE_URL: ':memory:' }, 'server.ts')
  t.equal(end.code, 1)
  t.equal(end.stderr, `latchkey cannot start: HOST and PORT: cannot listen: listen EADDRINUSE: address already in use 127.0.0.1:${port}\n`)
})

t.test('a database that another process keeps locked ends the start with one line that names the setting', async (t) => {
  const file = await databaseIn(folder(t))
  const other = new SQLite(file)
  t.teardown(() => other.close())
  other.exec('begin immediate')
  const end = await runShared({ DATABASE_URL: `file:${file}` }, 'server.ts')
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

t.test('of three processes that start together on a new file, one makes its tables and its keys', async (t) => {
  const dir = join(folder(t), 'made/by/the/first')
  const env = { DATABASE_URL: `file:${dir}/latchkey.db` }
  const services = await Promise.all([start(t, env), start(t, env), start(t, env)])
  const sets = await Promise.all(services.map(async ({ url }) => (await fetch(`${url}/.well-known/jwks.json`)).json()))
  t.equal((sets[0] as { keys: unknown[] }).keys.length, 2, 'one that signs, and the next')
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
  t.same(sqlite.prepare('select "use", count(*) as n from signing_keys group by "use" order by "use"').all(), [
    { use: 'access', n: 2 },
    { use: 'refresh', n: 1 },
  ])
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
