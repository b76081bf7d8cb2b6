// Not on PostgreSQL: it is about arguments and settings.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import manifest from '../../package.json' with { type: 'json' }
import { bare, folder, run } from '../server/process.ts'
import { runShared } from '../server/shared-process.ts'
import { databaseFile, latchkey } from './latchkey.ts'

/** A database that does not exist: wrong usage must fail before the database is opened. */
const NOWHERE = '/nowhere/latchkey.db'

const HELP = [
  [],
  ['users'],
  ...['create', 'list', 'show', 'set-password', 'rename', 'promote', 'demote', 'disable', 'enable', 'logout', 'delete'].map((word) => [
    'users',
    word,
  ]),
  ['sessions'],
  ['sessions', 'list'],
  ['sessions', 'end'],
  ['keys'],
  ['keys', 'list'],
  ['keys', 'rotate'],
  ['keys', 'retire'],
  ['clients'],
  ['clients', 'create'],
  ['clients', 'list'],
  ['clients', 'revoke'],
  ['events'],
  ['move'],
  ['check'],
  ['completion'],
]

for (const words of HELP) {
  t.test(`latchkey ${[...words, '--help'].join(' ')} prints the usage, and exits with 0`, async (t) => {
    const { code, stdout, stderr } = await latchkey(NOWHERE, ...words, '--help')
    t.strictSame({ code, stderr }, { code: 0, stderr: '' })
    t.match(stdout, `Usage: ${['latchkey', ...words].join(' ')}`)
  })
}

t.test('help and --version exit with 0', async (t) => {
  t.match(await latchkey(NOWHERE, 'help', 'events'), { code: 0, stdout: /^Usage: latchkey events /, stderr: '' })
  t.match(await latchkey(NOWHERE, '--version'), { code: 0, stdout: `${manifest.version}\n`, stderr: '' })
})

const WRONG: readonly string[][] = [
  [],
  ['nonsense'],
  ['--nonsense'],
  ['clients'],
  ['clients', 'nonsense'],
  ['clients', 'create'],
  ['clients', 'create', ''],
  ['clients', 'create', ' '],
  ['clients', 'create', 'x'.repeat(201)],
  ['clients', 'create', 'a\u001b[2Jb'],
  ['clients', 'create', 'one', 'two'],
  ['clients', 'revoke'],
  ['keys'],
  ['keys', 'retire'],
  ['keys', 'retire', 'x', '--all'],
  ['keys', 'rotate', '--use', 'both'],
  ['keys', 'rotate', 'x'],
  ['users'],
  ['users', 'disable'],
  ['users', 'enable', 'alice', 'bob'],
  ['users', 'create'],
  ['users', 'create', 'alice', 'hunter2'],
  ['users', 'create', 'alice', '--password', 'hunter2'],
  ['users', 'list', 'alice'],
  ['users', 'list', '--active', '--disabled'],
  ['users', 'list', '--limit', '0'],
  ['users', 'rename', 'alice'],
  ['users', 'promote', 'alice'],
  ['users', 'demote', 'alice', '--active'],
  ['events', '--user', 'caf\ufffd'],
  ['sessions', 'end'],
  ['sessions', 'list', 'alice', '--limit', '1e3'],
  ['clients', 'list', '--limit', '-1'],
  ['events', 'alice'],
  ['events', '--user'],
  ['events', '--limit', '0'],
  ['events', '--limit', '1e3'],
  ['events', '--limit', '10001'],
  ['events', '--kind', 'nonsense'],
  ['events', '--since', 'yesterday'],
  ['events', '--since', '2026-02-30'],
  ['events', '--since', '2026-01-01T00:00'],
  ['events', '--until', '2x'],
  ['events', '--until', '2h', '--follow'],
  ['events', '--address', '0.0.0.0/33'],
  ['events', '--address', 'localhost'],
  ['check', 'users'],
  ['completion'],
  ['completion', 'powershell'],
  ['move'],
  ['move', 'file:new.db'],
  ['move', '--to', 'file:new.db', '--to-file', 'url'],
]

for (const words of WRONG) {
  t.test(`${JSON.stringify(words).slice(0, 60)} is wrong usage: exit code 2, and the reason on standard error`, async (t) => {
    const { code, stdout, stderr } = await latchkey(NOWHERE, ...words)
    t.strictSame({ code, stdout }, { code: 2, stdout: '' })
    t.match(stderr, /^(error: |Usage: )/)
    t.notMatch(stderr, 'hunter2')
  })
}

/** Databases and settings that a command cannot work with: `env` makes them, `line` is the error. */
const FAILING: readonly [name: string, env: (t: Test) => Record<string, string> | Promise<Record<string, string>>, line: RegExp][] = [
  ['a database in memory', () => ({ DATABASE_URL: ':memory:' }), /^latchkey: DATABASE_URL is :memory:, and only the server itself can /],
  [
    'a missing file',
    (t) => ({ DATABASE_URL: `file:${folder(t)}/latchkey.db` }),
    /^latchkey: DATABASE_URL: there is no database at \/.*\/latchkey\.db; the server makes it at its first start$/,
  ],
  [
    'a folder',
    (t) => ({ DATABASE_URL: `file:${folder(t)}` }),
    /^latchkey: DATABASE_URL: cannot use the database: .+: it is a folder, not a file \(EISDIR\)$/,
  ],
  [
    'a file that is no database',
    (t) => {
      const file = join(folder(t), 'latchkey.db')
      writeFileSync(file, 'hunter2 '.repeat(1000))
      return { DATABASE_URL: `file:${file}` }
    },
    /^latchkey: DATABASE_URL: cannot use the database: .+: it is no SQLite database \(SQLITE_NOTADB\)$/,
  ],
  [
    'a database of a newer version',
    async (t) => {
      const file = await databaseFile(t)
      const sqlite = new SQLite(file)
      sqlite.exec("insert into kysely_migration values ('999-later', '2026-01-01T00:00:00Z')")
      sqlite.close()
      return { DATABASE_URL: `file:${file}` }
    },
    /^latchkey: DATABASE_URL: cannot use the database: .*999-later/,
  ],
  [
    'a database that another process keeps locked',
    async (t) => {
      const file = await databaseFile(t)
      const other = new SQLite(file)
      t.teardown(() => other.close())
      other.exec('begin immediate')
      return { DATABASE_URL: `file:${file}` }
    },
    /^latchkey: DATABASE_URL: cannot use the database: \/\S+\/latchkey\.db: another process keeps it locked \(SQLITE_BUSY\)$/,
  ],
  ['a wrong setting', () => ({ JWT_SECRET: 'hunter2' }), /^latchkey: JWT_SECRET must be at least 32 bytes, got a value of 7 bytes$/],
]

for (const [name, env, line] of FAILING) {
  t.test(`${name} is one line on standard error, with exit code 1`, async (t) => {
    const { code, stdout, stderr } = await runShared(await env(t), 'cli.ts', 'clients', 'create', 'x', '--json')
    t.strictSame({ code, stdout }, { code: 1, stdout: '' })
    t.match(stderr.slice(0, -1), line)
    t.match(stderr, /^[^\n]+\n$/, 'one line')
    t.notMatch(stderr, 'hunter2')
  })
}

t.test('a name that begins with a dash goes after --, and the error without it says so', async (t) => {
  const file = await databaseFile(t)
  t.match(await latchkey(`file:${file}`, 'users', 'disable', '-alice'), {
    code: 2,
    stdout: '',
    stderr: "error: unknown option '-alice'\n(see --help; a name that begins with a dash goes after --)\n",
  })
  t.match(await latchkey(`file:${file}`, 'users', 'disable', '--json', '--', '-alice'), {
    code: 1,
    stdout: '',
    stderr: 'latchkey: there is no user "-alice"\n',
  })
})

const TOKEN = 'eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjo3fQ.c2lnbmF0dXJl'
const CUT = 'eyJhbGciOiJFUzI1NiIsInR5cCI6IkpX…'

/** Where an argument would be repeated: the words, the exit code, and the first line of standard error. */
const REPEATED: readonly [words: readonly string[], code: number, line: string][] = [
  [[TOKEN], 2, `error: unknown command '${CUT}'`],
  [[`--${TOKEN}`], 2, `error: unknown option '--${CUT.slice(0, 30)}…'`],
  [['users', 'disable', '--password=hunter2'], 2, "error: unknown option '--password=…'"],
  [['events', '--limit', TOKEN], 2, `error: option '--limit <number>' argument '${CUT}' is invalid. `],
  [['events', `--limit=${TOKEN}`], 2, `error: option '--limit <number>' argument '${CUT}' is invalid. `],
  [['events', '--limit', 'a\u001b[2J\u009bb'], 2, "error: option '--limit <number>' argument 'a\\u001b[2J\\u009bb' is invalid. "],
  [['users', 'disable', TOKEN], 1, `latchkey: there is no user "${CUT}"`],
  [['users', 'logout', TOKEN], 1, `latchkey: there is no user "${CUT}"`],
  [['keys', 'retire', TOKEN], 1, `latchkey: there is no key ${CUT}`],
  [['clients', 'revoke', TOKEN], 1, `latchkey: there is no client "${CUT}"; clients list shows those that there are`],
]

t.test('a long argument is not repeated whole, nor with control characters, nor what an unknown option was given', async (t) => {
  const file = await databaseFile(t)
  for (const [words, code, line] of REPEATED) {
    const ran = await latchkey(`file:${file}`, ...words)
    t.strictSame({ code: ran.code, stdout: ran.stdout }, { code, stdout: '' })
    t.ok(ran.stderr.startsWith(line), ran.stderr)
    t.notMatch(ran.stderr, /c2lnbmF0dXJl|hunter2/)
  }
})

t.test('a name that is not UTF-8 names and makes nothing', async (t) => {
  const file = await databaseFile(t)
  const sqlite = new SQLite(file)
  t.teardown(() => sqlite.close())
  sqlite.exec("insert into users (username, username_key, password, created_at) values ('caf\ufffd', 'caf\ufffd', '!', 0)")
  const stderr = `error: an argument has bytes that are not UTF-8, or U+FFFD, which stands for such bytes
(see --help; a name that begins with a dash goes after --)
`
  for (const words of ['users disable', 'clients create']) {
    const line = `exec ${process.execPath} cli.ts ${words} "$(printf 'caf\\351')"`
    t.strictSame(await run(t, { DATABASE_URL: `file:${file}` }, bare('sh', '-c', line)), { code: 2, signal: null, stdout: '', stderr })
  }
  t.strictSame(sqlite.prepare('select username from users where is_active = 1').pluck().all(), ['caf\ufffd'])
  t.strictSame(sqlite.prepare('select * from clients').all(), [])
})

t.test('a command does not create a missing database', async (t) => {
  const dir = folder(t)
  await latchkey(join(dir, 'made/latchkey.db'), 'clients', 'create', 'shop')
  t.notOk(existsSync(join(dir, 'made')))
})
