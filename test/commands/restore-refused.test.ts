// Not on PostgreSQL: it is about files.
import { copyFileSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { PASSWORD } from '../helper.ts'
import { serve } from '../server/in-process.ts'
import { bare, postTo, run } from '../server/process.ts'
import { databaseFile, latchkey } from './latchkey.ts'
import { beside, LOGGED, logAlone, namesIn, spoil, sql, withBackup } from './restoring.ts'

t.test('restore is refused while a service runs, which goes on', async (t) => {
  const { file, backup } = await withBackup(t)
  const { url } = await serve(t, { DATABASE_URL: `file:${file}` })
  const names = beside(file)
  const { code, stdout, stderr } = await latchkey(`file:${file}`, 'restore', backup)
  const line = `latchkey: ${file} is open: stop the service, and whatever else works on it, first\n`
  t.strictSame({ code, stdout, stderr }, { code: 1, stdout: '', stderr: line })
  t.match(await postTo(`${url}/api/users/`, { username: 'alice', password: PASSWORD }), { status: 201 })
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
