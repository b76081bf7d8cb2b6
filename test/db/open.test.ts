import { existsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import SQLite from 'better-sqlite3'
import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { DatabaseUnavailable, NotOurDatabase, QueryRefused } from '../../db/errors.ts'
import { databaseExists, describeDatabase, isDatabaseUrl, openDatabase } from '../../db/open.ts'
import { listSigningKeys } from '../../db/signing-keys.ts'
import { folder } from '../server/process.ts'

t.test('a URL is accepted when there is a dialect for it', async (t) => {
  for (const url of [':memory:', 'file:latchkey.db', 'file:./data/latchkey.db', 'file:/data/latchkey.db', 'file:///data/latchkey.db']) {
    t.equal(isDatabaseUrl(url), true, url)
  }
  for (const url of ['', 'file:', 'latchkey.db', 'memory', 'http://localhost', 'postgres://me:hunter2@localhost/latchkey']) {
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

/** Databases that cannot be opened. `make` prepares the folder and returns the URL. */
const FAILING: readonly [name: string, make: (dir: string) => string, error: typeof DatabaseUnavailable | typeof NotOurDatabase][] = [
  ['a folder', (dir) => dir, DatabaseUnavailable],
  ['a file below a file', (dir) => `${textFile(dir)}/latchkey.db`, DatabaseUnavailable],
  ['a file in a folder below a file', (dir) => `${textFile(dir)}/data/latchkey.db`, DatabaseUnavailable],
  ['a name that is too long', (dir) => join(dir, 'x'.repeat(300)), DatabaseUnavailable],
  ['a file that is no database', textFile, DatabaseUnavailable],
  ['a database of another program', otherDatabase, NotOurDatabase],
]

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

for (const [name, make, error] of FAILING) {
  t.test(`${name} is refused with ${error.name}`, async (t) => {
    const thrown = await openDatabase(`file:${make(folder(t))}`).catch((error) => error)
    t.type(thrown, error)
    t.ok(thrown.cause, 'its cause is the error of the system')
  })
}

t.test('whether a database exists cannot be found out under a name that is too long', async (t) => {
  const thrown = await databaseExists(`file:${join(folder(t), 'x'.repeat(300))}`).catch((error) => error)
  t.type(thrown, DatabaseUnavailable)
  t.match(thrown, { message: /^ENAMETOOLONG: /, cause: { code: 'ENAMETOOLONG' } })
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
