// Not on PostgreSQL: all but the last are about files, and that one runs once, beside these.
import {
  chmodSync,
  copyFileSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { copiesOf, openDatabase } from '../../db/open.ts'
import { newPlace, openAt, skipped } from '../db/moving/places.ts'
import { fillWithSample, highestIds } from '../db/moving/sample.ts'
import { claimsOf, PASSWORD } from '../helper.ts'
import { serve } from '../server/in-process.ts'
import { bare, folder, postTo, run } from '../server/process.ts'
import { runShared } from '../server/shared-process.ts'
import { databaseFile, latchkey } from './latchkey.ts'

type Pair = { access: string; refresh: string }

const register = (url: string, username: string) => postTo(`${url}/api/users/`, { username, password: PASSWORD })
const logIn = async (url: string, username: string) => (await postTo(`${url}/api/token/`, { username, password: PASSWORD })).body as Pair
const verify = (url: string, token: string) => postTo(`${url}/api/token/verify/`, { token })
const refresh = (url: string, token: string) => postTo(`${url}/api/token/refresh/`, { refresh: token })

/** Adds a user, as a database has it that is not looked at otherwise. */
function add(file: string, name: string): void {
  const sqlite = new SQLite(file)
  sqlite.prepare("insert into users (username, username_key, password, created_at) values (?, ?, '-', 1)").run(name, name)
  sqlite.close()
}

function namesIn(file: string): unknown[] {
  const sqlite = new SQLite(file, { readonly: true })
  const names = sqlite.prepare('select username from users order by id').pluck().all()
  sqlite.close()
  return names
}

/** A database with the user `now`, and a backup of when it had `then`. */
async function withBackup(t: Test): Promise<{ file: string; backup: string }> {
  const backup = await databaseFile(t)
  add(backup, 'then')
  const file = await databaseFile(t)
  add(file, 'now')
  return { file, backup }
}

const beside = (file: string) => readdirSync(dirname(file)).filter((name) => name !== basename(file))
const REMARK =
  'latchkey: users, passwords and clients are as they were then: disable, demote, change and revoke again what was since the backup\n'

t.test(
  'after restore no token of before is good, neither of the backup nor of the lost time, and ids of that are not given again',
  async (t) => {
    const file = await databaseFile(t)
    const env = { DATABASE_URL: `file:${file}`, PUBLIC_URL: 'https://auth.example.com' }
    const first = await serve(t, env)
    await register(first.url, 'alice')
    const [kept, ended] = [await logIn(first.url, 'alice'), await logIn(first.url, 'alice')]
    const backup = join(folder(t), 'latchkey.backup')
    t.match(await latchkey(env.DATABASE_URL, 'backup', backup), { code: 0 })
    await postTo(`${first.url}/api/token/blacklist/`, { refresh: ended.refresh })
    t.match(await refresh(first.url, kept.refresh), { status: 200 })
    await register(first.url, 'bob')
    const lost = [await logIn(first.url, 'alice'), await logIn(first.url, 'bob')]
    await first.close()

    const { stdout, stderr, code } = await latchkey(env.DATABASE_URL, 'restore', backup, '--json')
    t.strictSame({ code, stderr }, { code: 0, stderr: REMARK })
    const { replaced, ...said } = JSON.parse(stdout)
    t.strictSame(said, { database: file, ended_sessions: 2, retired_keys: 3, next_user_id: 1_000_002 })
    t.match(replaced, /latchkey\.db\.replaced-\d{8}T\d{6}Z$/)
    t.strictSame(beside(file), [basename(replaced)])
    t.strictSame([namesIn(file), namesIn(replaced)], [['alice'], ['alice', 'bob']])

    const { url } = await serve(t, env)
    const body = { code: 'token_not_valid', detail: 'Token is invalid or expired' }
    for (const { access, refresh: token } of [kept, ended, ...lost]) {
      t.match([await verify(url, access), await verify(url, token), await refresh(url, token)], Array(3).fill({ status: 401, body }))
    }
    await register(url, 'carol')
    t.equal(claimsOf((await logIn(url, 'carol')).access).user_id, 1_000_002)
    const { access } = await logIn(url, 'alice')
    t.match(await verify(url, access), { status: 200 })
  },
)

t.test('restore is refused while a service runs, which goes on', async (t) => {
  const { file, backup } = await withBackup(t)
  const { url } = await serve(t, { DATABASE_URL: `file:${file}` })
  const names = beside(file)
  const { code, stdout, stderr } = await latchkey(`file:${file}`, 'restore', backup)
  const line = `latchkey: ${file} is open: stop the service, and whatever else works on it, first\n`
  t.strictSame({ code, stdout, stderr }, { code: 1, stdout: '', stderr: line })
  t.match(await register(url, 'alice'), { status: 201 })
  t.strictSame([namesIn(file), beside(file)], [['now', 'alice'], names])
})

t.test('restore is refused while anybody has the database open, also who only reads', async (t) => {
  const { file, backup } = await withBackup(t)
  const reader = new SQLite(file, { readonly: true })
  t.teardown(() => reader.close())
  reader.prepare('select 1 from users').get()
  t.match(await latchkey(`file:${file}`, 'restore', backup), { code: 1, stderr: /is open/ })
})

/** What is made of a backup, and what is said of that. The path of what is to be restored is the result, if it is another one. */
const WRONG: readonly (readonly [name: string, make: (backup: string, file: string, t: Test) => unknown, line: RegExp])[] = [
  ['is not there', (backup) => `${backup}-none`, /: it is not there$/],
  ['is a folder', (backup) => dirname(backup), /: it is a folder, not a file \(EISDIR\)$/],
  ['is empty', (backup) => truncateSync(backup), /: it is empty$/],
  ['is a text', (backup) => writeFileSync(backup, 'hello\n'.repeat(1000)), /: it is no SQLite database$/],
  ['is cut after some bytes', (backup) => truncateSync(backup, 50), /: it is cut: it has 50 bytes of \d+$/],
  ['is cut in the middle', (backup) => truncateSync(backup, 20 * 4096), /: it is cut: it has 81920 bytes of \d+$/],
  ['is cut by a byte', (backup) => truncateSync(backup, statSync(backup).size - 1), /: it is cut: it has \d+ bytes of \d+$/],
  ['has a page of something else', spoil, /: it is damaged: /],
  ['has a session of nobody', orphan, /: it is damaged: a row of sessions refers to one of users that is not there$/],
  ['is of another program', foreign, /: it is the database of another program, with the table cats$/],
  ['is of another program that uses Kysely', foreignWithKysely, /: it is the database of another program$/],
  [
    'has a trigger',
    (backup) => sql(backup, 'create trigger undo after update on sessions begin update sessions set ended_at = null; end'),
    /: it has the trigger undo, which is none of ours and could undo what a restore does: drop it first$/,
  ],
  ['is a copy without its write-ahead log', copyAlone, /: it has no tables: a copy of this file alone, made while a service ran, lacks /],
  [
    'is newer',
    (backup) => sql(backup, "insert into kysely_migration values ('999-next', '')"),
    /: it was made by a newer version of latchkey, /,
  ],
  [
    'is open',
    (backup, _, t) => leaveOpen(t, backup),
    /: a service has it open or was killed, for there is .*-wal: make a backup of it first, /,
  ],
  [
    'is a link to one that is open',
    (backup, _, t) => linkTo(leaveOpen(t, backup)),
    /link\.db: a service has it open or was killed, for there is .*latchkey\.db-wal: make a backup of it first, /,
  ],
  ['is the database itself', (_, file) => file, /: it is the database itself$/],
]

function sql(file: string, text: string): void {
  const sqlite = new SQLite(file)
  sqlite.pragma('foreign_keys = off')
  sqlite.exec(text)
  sqlite.close()
}

function spoil(backup: string): void {
  const bytes = readFileSync(backup)
  bytes.fill(0xff, 4096 * 12, 4096 * 13)
  writeFileSync(backup, bytes)
}

function orphan(backup: string): void {
  const columns = 'user_id, created_at, refreshed_at, expires_at, refresh_jti, refresh_iat, refresh_exp, replaced'
  sql(backup, `insert into sessions (${columns}) values (9, 1, 1, 1, '', 1, 1, '')`)
}

function foreign(backup: string): string {
  sql(`${backup}-cats`, 'create table cats (name text)')
  return `${backup}-cats`
}

function foreignWithKysely(backup: string): string {
  sql(`${backup}-cats`, 'create table kysely_migration (name text); create table cats (name text)')
  return `${backup}-cats`
}

/** As `cp` does it where the tables are still in the log. */
function copyAlone(backup: string): string {
  const sqlite = new SQLite(`${backup}-running`)
  sqlite.exec('pragma journal_mode = wal; create table users (id integer)')
  copyFileSync(`${backup}-running`, `${backup}-copied`)
  sqlite.close()
  return `${backup}-copied`
}

function leaveOpen(t: Test, backup: string): string {
  const sqlite = new SQLite(backup)
  t.teardown(() => sqlite.close())
  sqlite.exec('pragma journal_mode = wal; update users set is_active = 0')
  return backup
}

function linkTo(backup: string): string {
  const link = join(dirname(backup), 'link.db')
  symlinkSync(backup, link)
  return link
}

for (const [name, make, line] of WRONG) {
  t.test(`a backup that ${name} is refused in one line, and nothing is changed`, async (t) => {
    const { file, backup } = await withBackup(t)
    const from = (await make(backup, file, t)) ?? backup
    const before = readFileSync(file)
    const { code, stdout, stderr } = await latchkey(`file:${file}`, 'restore', from as string)
    t.strictSame({ code, stdout }, { code: 1, stdout: '' })
    t.match(stderr, /^latchkey: [^\n]+\n$/)
    t.match(stderr.trimEnd(), line)
    t.strictSame([readFileSync(file), beside(file)], [before, []])
  })
}

/** What is in the place of the database, and what is said of that. */
const PLACES: readonly (readonly [name: string, make: (file: string) => unknown, line: RegExp])[] = [
  ['the database of another program', foreignPlace, /latchkey\.db is the database of another program, with the table cats: DATABASE_URL /],
  [
    'no database',
    (file) => writeFileSync(file, 'hello\n'.repeat(1000)),
    /cannot be locked, so nobody knows .*: stop every service, move the file away, /,
  ],
  ['a write-ahead log without its database', (file) => renameSync(file, `${file}-wal`), /-wal belongs to a database that is not there: /],
]

function foreignPlace(file: string): void {
  renameSync(file, `${file}.old`)
  sql(file, 'create table cats (name text)')
}

for (const [name, make, line] of PLACES) {
  t.test(`nothing is restored where there is ${name}`, async (t) => {
    const { file, backup } = await withBackup(t)
    make(file)
    const before = readdirSync(dirname(file))
    const { code, stdout, stderr } = await latchkey(`file:${file}`, 'restore', backup)
    t.strictSame({ code, stdout }, { code: 1, stdout: '' })
    t.match(stderr.trimEnd(), line)
    t.strictSame(readdirSync(dirname(file)), before)
  })
}

t.test('a damaged database is replaced, and kept as it is', async (t) => {
  const { file, backup } = await withBackup(t)
  spoil(file)
  const before = readFileSync(file)
  const { replaced } = restored(await latchkey(`file:${file}`, 'restore', backup, '--json'))
  t.strictSame(namesIn(file), ['then'])
  t.ok(readFileSync(replaced).subarray(4096).equals(before.subarray(4096)))
})

const restored = ({ stdout }: { stdout: string }) => JSON.parse(stdout) as { database: string; replaced: string; next_user_id: number }

const LOGGED = "insert into users (username, username_key, password, created_at) values ('logged', 'logged', '-', 1)"

/** Writes to the log of a database, and leaves it as a process does that is killed. */
function logAlone(file: string, text: string): void {
  const log = `${file}-wal`
  const writer = new SQLite(file)
  writer.exec(`pragma journal_mode = wal; ${text}`)
  for (const path of [file, log]) copyFileSync(path, `${path}.killed`)
  writer.close()
  renameSync(`${file}.killed`, file)
  renameSync(`${log}.killed`, log)
}

t.test(
  'where there is no room for what a killed service had only written to the log, one line says so and nothing is changed',
  async (t) => {
    const { file, backup } = await withBackup(t)
    logAlone(file, `insert into secrets values ('large', hex(zeroblob(1000000))); ${LOGGED}`)
    // In blocks of 512 bytes: room enough for the copy.
    const limited = ['sh', '-c', 'ulimit -f 2000; exec "$@"', 'sh', ...bare(process.execPath, 'cli.ts', 'restore', backup)]
    const { code, stdout, stderr } = await run(t, { DATABASE_URL: `file:${file}` }, limited)
    const line = `latchkey: ${file}: its write-ahead log cannot be taken into it: disk I/O error\n`
    t.strictSame({ code, stdout, stderr }, { code: 1, stdout: '', stderr: line })
    t.strictSame([beside(file), namesIn(file)], [[`${basename(file)}-wal`], ['now', 'logged']])
  },
)

t.test('what was replaced can be restored itself, with what its killed service had only written to the log', async (t) => {
  const { file, backup } = await withBackup(t)
  add(file, 'last')
  logAlone(file, LOGGED)
  const { replaced } = restored(await latchkey(`file:${file}`, 'restore', backup, '--json'))
  t.strictSame([namesIn(file), namesIn(replaced)], [['then'], ['now', 'last', 'logged']])
  const again = restored(await latchkey(`file:${file}`, 'restore', replaced, '--json'))
  t.strictSame([namesIn(file), namesIn(again.replaced)], [['now', 'last', 'logged'], ['then']])
  t.equal(new Set(beside(file)).size, 2)
})

t.test('ids go on after the highest of the database that is replaced', async (t) => {
  const { file, backup } = await withBackup(t)
  sql(file, "update sqlite_sequence set seq = 5000000 where name = 'users'")
  t.match(restored(await latchkey(`file:${file}`, 'restore', backup, '--json')), { next_user_id: 5_000_001 })
})

t.test('the restored database is let in by the same people, and found by the same link', async (t) => {
  const { file, backup } = await withBackup(t)
  chmodSync(file, 0o640)
  const link = join(folder(t), 'link.db')
  symlinkSync(file, link)
  const { database, replaced } = restored(await latchkey(`file:${link}`, 'restore', backup, '--json'))
  t.strictSame([database, dirname(replaced)], [file, dirname(file)])
  t.equal(statSync(file).mode & 0o777, 0o640)
  t.strictSame(namesIn(link), ['then'])
})

t.test('where there is no database the backup becomes one, for its user alone', async (t) => {
  const { backup } = await withBackup(t)
  const file = join(folder(t), 'data/latchkey.db')
  const { code, stdout } = await latchkey(`file:${file}`, 'restore', backup)
  t.equal(code, 0)
  t.match(stdout, /^database +replaced +ended_sessions +retired_keys +next_user_id\n\S+ +- +0 +0 +1000002\n$/)
  t.strictSame([namesIn(file), beside(file), statSync(file).mode & 0o777], [['then'], [], 0o600])
})

t.test('a service that makes a database while one is restored there goes on, and nothing is restored', async (t) => {
  const { backup } = await withBackup(t)
  const file = join(folder(t), 'latchkey.db')
  const start = async () => {
    const db = await openDatabase(`file:${file}`)
    t.teardown(() => db.close())
    return db
  }
  let started: ReturnType<typeof start> | undefined
  const prepare = () => {
    started = start()
    return started
  }
  const options = { at: Date.now(), prepare, tell: () => {}, signal: new AbortController().signal }
  await t.rejects(copiesOf(`file:${file}`)?.restore(backup, options) as Promise<unknown>, { name: 'Error', message: /EEXIST/ })
  await t.resolves((await started)?.check() as Promise<void>)
  t.strictSame(namesIn(file), [])
})

t.test('who has just opened the file that is replaced opens the one in its place', async (t) => {
  const { file, backup } = await withBackup(t)
  const { pragma } = SQLite.prototype
  t.teardown(() => Object.assign(SQLite.prototype, { pragma }))
  let isReplaced = false
  SQLite.prototype.pragma = function (this: SQLite.Database, ...args) {
    if (args[0] === 'schema_version' && !isReplaced) {
      isReplaced = true
      renameSync(backup, file)
    }
    return pragma.apply(this, args)
  }
  const db = await openDatabase(`file:${file}`)
  t.teardown(() => db.close())
  t.ok(isReplaced)
  t.same(await db.write((handle) => handle.selectFrom('users').select('username').execute()), [{ username: 'then' }])
})

t.test('what a killed restore has left is removed by the next one', async (t) => {
  const { file, backup } = await withBackup(t)
  writeFileSync(`${file}.restoring-12345678`, 'half')
  writeFileSync(`${file}.restoring-12345678-wal`, 'half')
  linkSync(file, `${file}.replaced-20260101T000000Z`)
  writeFileSync(`${file}.replaced-20250101T000000Z`, 'of before')
  const { replaced } = restored(await latchkey(`file:${file}`, 'restore', backup, '--json'))
  t.strictSame(beside(file).sort(), [`${basename(file)}.replaced-20250101T000000Z`, basename(replaced)])
})

t.test('restore wants a file or --finish, and a database that stays', async (t) => {
  const file = await databaseFile(t)
  for (const args of [[], ['backup', '--finish']]) {
    const { code, stderr } = await latchkey(`file:${file}`, 'restore', ...args)
    t.equal(code, 2)
    t.match(stderr, /^error: give the file of a backup, or --finish\n/)
  }
  t.match(await latchkey(':memory:', 'restore', 'backup'), {
    code: 1,
    stderr: 'latchkey: DATABASE_URL is :memory:, which ends with this command\n',
  })
  const { code, stderr } = await latchkey('postgres://a@localhost/b', 'restore', 'backup')
  const line =
    'latchkey: PostgreSQL is restored with its own means, such as pg_restore, and then `latchkey restore --finish`: see docs/backup.md\n'
  t.strictSame({ code, stderr }, { code: 1, stderr: line })
})

t.test('restore --finish does the same to a file that was put there by other means', async (t) => {
  const { file } = await withBackup(t)
  t.strictSame(await latchkey(`file:${file}`, 'restore', '--finish', '--json'), {
    code: 0,
    signal: null,
    stdout: `${JSON.stringify({ ended_sessions: 0, retired_keys: 0, next_user_id: 1_000_002 })}\n`,
    stderr: REMARK,
  })
  t.strictSame(beside(file), [])
})

t.test('restore --finish does the same on PostgreSQL', skipped, async (t) => {
  const { url, schema } = newPlace(t, 'postgres')
  const db = await openAt(t, { url, schema })
  await fillWithSample(db)
  const { code, stdout, stderr } = await runShared(
    { DATABASE_URL: url, DATABASE_SCHEMA: schema },
    'cli.ts',
    'restore',
    '--finish',
    '--json',
  )
  t.strictSame({ code, stderr }, { code: 0, stderr: REMARK })
  t.match(JSON.parse(stdout), { retired_keys: 1, next_user_id: highestIds.users + 1_000_001 })
  t.same(await db.read.selectFrom('signing_keys').select('kid').where('retired_at', 'is', null).execute(), [])
})
