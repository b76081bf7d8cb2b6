// Not on PostgreSQL: its backups are made by its own means.
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import type { Tell } from '../../db/backups.ts'
import { copiesOf } from '../../db/open.ts'
import { openAt } from '../db/moving/places.ts'
import { contentOf, fillWithSample } from '../db/moving/sample.ts'
import { PASSWORD } from '../helper.ts'
import { serve } from '../server/in-process.ts'
import { folder, postTo } from '../server/process.ts'
import { type OldDatabase, oldDatabases, writeOldDatabase } from '../upgrade/old-databases.ts'
import { asJson, databaseFile, latchkey } from './latchkey.ts'

const names = (file: string) => {
  const sqlite = new SQLite(file, { readonly: true })
  const found = sqlite.prepare('select username from users order by id').pluck().all()
  sqlite.close()
  return found
}

t.test('backup copies beside a running service all that was answered, into one file that others cannot read', async (t) => {
  const file = await databaseFile(t)
  const service = await serve(t, { DATABASE_URL: `file:${file}` })
  t.equal((await postTo(`${service.url}/api/users/`, { username: 'alice', password: PASSWORD })).status, 201)
  const dir = folder(t)
  const to = join(dir, 'latchkey.backup')
  const printed = await asJson(t, latchkey(`file:${file}`, 'backup', to, '--json'))
  const { size, mode } = statSync(to)
  t.strictSame(printed, { file: to, database: file, bytes: size })
  t.equal(mode & 0o777, 0o600)
  t.strictSame(names(to), ['alice'])
  t.strictSame(readdirSync(dir), ['latchkey.backup'], 'nothing is beside it, also after it was read')

  t.equal((await postTo(`${service.url}/api/users/`, { username: 'bob', password: PASSWORD })).status, 201)
  const before = readFileSync(to)
  const { code, stdout, stderr } = await latchkey(`file:${file}`, 'backup', to)
  const line = `latchkey: ${to}: it is there already; name another file, or replace it with --replace\n`
  t.strictSame({ code, stdout, stderr }, { code: 1, stdout: '', stderr: line })
  t.strictSame(readFileSync(to), before)
  t.match(await latchkey(`file:${file}`, 'backup', to, '--replace'), { code: 0, stderr: '', stdout: /^file +database +bytes\n.*\n$/ })
  t.strictSame(names(to), ['alice', 'bob'])
})

t.test('a backup has every row, and the ids that were given', async (t) => {
  const place = { url: `file:${await databaseFile(t)}`, schema: 'public' }
  const db = await openAt(t, place)
  await fillWithSample(db)
  const to = join(folder(t), 'copy')
  await copiesOf(place.url)?.backUp(to, { isReplacing: false, tell: () => {}, signal: new AbortController().signal })
  t.equal(statSync(to).mode & 0o777, 0o600, 'whatever the umask is')
  t.same(await contentOf(await openAt(t, { ...place, url: `file:${to}` })), await contentOf(db))
})

t.test('a backup before an upgrade leaves the tables as they are', async (t) => {
  const file = writeOldDatabase(t, oldDatabases[0] as OldDatabase)
  const to = join(folder(t), 'copy')
  t.match(await latchkey(`file:${file}`, 'backup', to), { code: 0, stderr: '' })
  for (const path of [file, to]) {
    const sqlite = new SQLite(path, { readonly: true })
    t.equal(sqlite.prepare("select count(*) from pragma_table_info('users') where name = 'username_nfc'").pluck().get(), 0, path)
    sqlite.close()
  }
})

/** A database, a folder for its backup, and what the command says of a target there. */
const REFUSED: readonly (readonly [name: string, target: (dir: string, file: string) => string, said: RegExp])[] = [
  ['the database itself', (_, file) => file, /latchkey\.db: it belongs to the database itself$/],
  ['its write-ahead log', (_, file) => `${file}-wal`, /-wal: it belongs to the database itself$/],
  ['its journal', (_, file) => `${file}-journal`, /-journal: it belongs to the database itself$/],
  ['a link to it', link, /link: it belongs to the database itself$/],
  ['a folder', (dir) => dir, /: it is a folder, not a file \(EISDIR\)$/],
  ['a path without its folder', (dir) => join(dir, 'none/copy'), /none\/copy\.partial-\w+: it is not there \(ENOENT\)$/],
]

function link(dir: string, file: string): string {
  symlinkSync(file, join(dir, 'link'))
  return join(dir, 'link')
}

for (const [name, target, said] of REFUSED) {
  t.test(`a backup to ${name} is refused in one line, and nothing is made`, async (t) => {
    const file = await databaseFile(t)
    const before = readFileSync(file)
    const dir = folder(t)
    const to = target(dir, file)
    const { code, stdout, stderr } = await latchkey(`file:${file}`, 'backup', to, '--replace')
    t.strictSame({ code, stdout }, { code: 1, stdout: '' })
    t.match(stderr, /^latchkey: [^\n]+\n$/)
    t.match(stderr.trimEnd(), said)
    t.strictSame(readFileSync(file), before)
    t.notOk(readdirSync(dir).some((one) => one.includes('partial')))
  })
}

/** Databases that cannot be copied. */
const SOURCES: readonly (readonly [name: string, url: (t: Test) => Promise<string>, line: RegExp])[] = [
  ['in memory', async () => ':memory:', /^DATABASE_URL is :memory:, and only the server itself can see into its memory$/],
  ['on PostgreSQL', async () => 'postgres://a@localhost/b', /^a backup of PostgreSQL is made with its own means, such as pg_dump -Fc: /],
  ['that is not there', async (t) => `file:${folder(t)}/none.db`, /^DATABASE_URL: there is no database at .*none\.db$/],
  ['of another program', foreign, /latchkey\.db: it is the database of another program, with the table cats$/],
  ['that is damaged', damaged, /latchkey\.db: it is damaged: /],
]

async function foreign(t: Test): Promise<string> {
  const file = join(folder(t), 'latchkey.db')
  const sqlite = new SQLite(file)
  sqlite.exec('create table cats (name text)')
  sqlite.close()
  return `file:${file}`
}

async function damaged(t: Test): Promise<string> {
  const file = await databaseFile(t)
  damage(file)
  return `file:${file}`
}

/** Overwrites the page in the middle. */
function damage(file: string): void {
  const bytes = readFileSync(file)
  bytes.fill(0xff, 4096 * 12, 4096 * 13)
  writeFileSync(file, bytes)
}

for (const [name, urlOf, line] of SOURCES) {
  t.test(`of a database ${name} no backup is made`, async (t) => {
    const dir = folder(t)
    const { code, stdout, stderr } = await latchkey(await urlOf(t), 'backup', join(dir, 'copy'))
    t.strictSame({ code, stdout }, { code: 1, stdout: '' })
    t.match(stderr.replace(/^latchkey: /, '').trimEnd(), line)
    t.strictSame(readdirSync(dir), [])
  })
}

t.test('who copies is told how far it is, and can end it: then nothing is left', async (t) => {
  const file = await databaseFile(t)
  fill(file)
  const [dir, other] = [folder(t), folder(t)]
  const ending = new AbortController()
  const backUp = async (to: string, tell: Tell) => copiesOf(`file:${file}`)?.backUp(to, { isReplacing: false, tell, signal: ending.signal })
  const told: [number, number][] = []
  const size = (await backUp(join(dir, 'copy'), (...bytes) => told.push(bytes))) as number
  t.ok(told.length > 3)
  t.ok(told.every(([bytes, of], index) => of === size && bytes <= of && bytes >= (told[index - 1]?.[0] ?? 0)))

  await t.rejects(
    backUp(join(other, 'copy'), (bytes) => bytes > size / 2 && ending.abort()),
    { name: 'AbortError' },
  )
  t.strictSame(readdirSync(other), [])
})

/** Makes it 24 MB long. */
function fill(file: string): void {
  const sqlite = new SQLite(file)
  sqlite.exec('create table filling (bytes blob)')
  sqlite.exec(
    'with recursive n(i) as (select 1 union all select i + 1 from n where i < 6000) insert into filling select zeroblob(4000) from n',
  )
  sqlite.close()
}
