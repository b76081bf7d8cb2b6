// Not on PostgreSQL: it is about the ways in which SQLite's file cannot be opened.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import SQLite from 'better-sqlite3'
import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { DatabaseUnavailable, NotOurDatabase, QueryRefused } from '../../db/errors.ts'
import { databaseExists, describeDatabase, isDatabaseUrl, openDatabase } from '../../db/open.ts'
import { listSigningKeys } from '../../db/signing-keys.ts'
import { folder } from '../server/process.ts'

t.test('a URL is accepted when there is a dialect for it', async (t) => {
  for (const url of [
    ':memory:',
    'file:latchkey.db',
    'file:./data/latchkey.db',
    'file:/data/latchkey.db',
    'file:///data/latchkey.db',
    'postgres://me:hunter2@localhost/latchkey',
  ]) {
    t.equal(isDatabaseUrl(url), true, url)
  }
  for (const url of ['', 'file:', 'latchkey.db', 'memory', 'http://localhost', 'mysql://me:hunter2@localhost/latchkey']) {
    t.equal(isDatabaseUrl(url), false, url)
    await t.rejects(openDatabase(url), { message: 'no dialect understands this database URL' })
  }
})

t.test('the description of a database says where it is, and whether other processes can open it', async (t) => {
  t.match(describeDatabase('file:data/latchkey.db'), { place: resolve('data/latchkey.db'), isShared: true })
  t.match(describeDatabase('file:///data/latchkey.db'), { place: '/data/latchkey.db', isShared: true })
  t.match(describeDatabase(':memory:'), { place: ':memory:', isShared: false })
})

t.test('a database exists once it was opened, and the question whether it exists does not create it', async (t) => {
  const file = join(folder(t), 'made/latchkey.db')
  t.equal(await databaseExists(`file:${file}`), false)
  t.notOk(existsSync(join(file, '..')))
  await (await openDatabase(`file:${file}`)).close()
  t.equal(await databaseExists(`file:${file}`), true)
  t.equal(await databaseExists(':memory:'), false)
})

const LONG = 'x'.repeat(300)

/** Databases that cannot be opened. `make` prepares the folder and returns the path; DIR in the message is the folder. */
const FAILING: readonly [name: string, make: (dir: string) => string, message: string][] = [
  ['a folder', (dir) => dir, 'DIR: it is a folder, not a file (EISDIR)'],
  ['a pipe', pipe, 'DIR/pipe: it is a device, a pipe or a socket, not a file'],
  [
    'a file below a file',
    (dir) => `${textFile(dir)}/latchkey.db`,
    'DIR/text: a part of the path is a file, not a folder (ENOTDIR); SQLite says SQLITE_CANTOPEN',
  ],
  [
    'a file in a folder below a file',
    (dir) => `${textFile(dir)}/data/latchkey.db`,
    'DIR/text/data: a part of the path is a file, not a folder (ENOTDIR)',
  ],
  ['a name that is too long', (dir) => join(dir, LONG), `DIR/${LONG}: the name is too long (ENAMETOOLONG)`],
  ['a link to itself', (dir) => link(dir, 'link.db'), 'DIR/link.db: symbolic links lead in a circle (ELOOP)'],
  [
    'a link to nowhere',
    (dir) => link(dir, 'no/such.db'),
    'DIR/link.db: it is a symbolic link to no/such.db, which is not there; SQLite says SQLITE_CANTOPEN',
  ],
  [
    'a file in a link to nowhere',
    (dir) => `${link(dir, 'no')}/latchkey.db`,
    'DIR/link.db: it is a symbolic link to no, which is not there',
  ],
  [
    'a folder in place of the write-ahead log',
    folderAsLog,
    'DIR/latchkey.db-wal: it is a folder, not a file (EISDIR); SQLite says SQLITE_IOERR_DELETE',
  ],
  ['a file that is no database', textFile, 'DIR/text: it is no SQLite database (SQLITE_NOTADB)'],
]

function pipe(dir: string): string {
  execFileSync('mkfifo', [join(dir, 'pipe')])
  return join(dir, 'pipe')
}

function link(dir: string, target: string): string {
  symlinkSync(target, join(dir, 'link.db'))
  return join(dir, 'link.db')
}

function folderAsLog(dir: string): string {
  mkdirSync(join(dir, 'latchkey.db-wal'))
  return join(dir, 'latchkey.db')
}

function textFile(dir: string): string {
  const file = join(dir, 'text')
  writeFileSync(file, 'no database '.repeat(1000))
  return file
}

function otherDatabase(dir: string): string {
  const file = join(dir, 'other.db')
  const sqlite = new SQLite(file)
  sqlite.exec('create table users (name text)')
  sqlite.close()
  return file
}

for (const [name, make, message] of FAILING) {
  t.test(`${name} is refused with its path and the cause in words`, async (t) => {
    const dir = folder(t)
    const thrown = await openDatabase(`file:${make(dir)}`).catch((error) => error)
    t.type(thrown, DatabaseUnavailable)
    t.equal(thrown.message.replaceAll(dir, 'DIR'), message)
  })
}

t.test('a database of another program is refused', async (t) => {
  const thrown = await openDatabase(`file:${otherDatabase(folder(t))}`).catch((error) => error)
  t.type(thrown, NotOurDatabase)
  t.match(thrown.message, /^it is the database of another program, with the table \w+$/)
})

t.test('whether a database exists cannot be found out under a name that is too long', async (t) => {
  const thrown = await databaseExists(`file:${join(folder(t), LONG)}`).catch((error) => error)
  t.type(thrown, DatabaseUnavailable)
  t.match(thrown, { message: /: the name is too long \(ENAMETOOLONG\)$/, cause: { code: 'ENAMETOOLONG' } })
})

async function inMemory(t: Test) {
  const db = await openDatabase(':memory:')
  t.teardown(() => db.close())
  return db
}

t.test('a query that the database refuses fails with the same error class in every way of running it', async (t) => {
  const db = await openDatabase(`file:${folder(t)}/latchkey.db`)
  t.teardown(() => db.close())
  await db.write(async (handle) => void (await sql`drop table signing_keys`.execute(handle)))
  for (const query of [listSigningKeys(db.read), sql`select * from signing_keys`.execute(db.read)]) {
    const thrown = await query.catch((error) => error)
    t.type(thrown, QueryRefused)
    t.match(thrown, { message: 'no such table: signing_keys', cause: { code: 'SQLITE_ERROR' } })
  }
})

t.test('two databases in memory have nothing in common', async (t) => {
  const [one, other] = [await inMemory(t), await inMemory(t)]
  await one.write(async (handle) => void (await sql`create table mine (id integer)`.execute(handle)))
  await t.rejects(sql`select * from mine`.execute(other.read), { message: 'no such table: mine' })
})
