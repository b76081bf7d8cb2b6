// Not on PostgreSQL: it is about SQLite's file.
import { statSync, writeFileSync } from 'node:fs'
import SQLite from 'better-sqlite3'
import { sql } from 'kysely'
import t, { type Test } from 'tap'
import type { Database } from '../../db/database.ts'
import { DatabaseUnavailable } from '../../db/errors.ts'
import { openDatabase } from '../../db/open.ts'
import { WriteAheadLog } from '../../db/sqlite/write-ahead-log.ts'
import { insertUser } from '../../db/users.ts'
import { insert, names, openIn } from './file.ts'

const MIB = 1024 * 1024
const LIMIT = 8 * MIB

/** A database, and a connection beside it, as another process would have one. */
async function beside(t: Test) {
  const { db, file } = await openIn(t)
  const other = new SQLite(file)
  t.teardown(() => other.close())
  return { db, other, size: () => statSync(`${file}-wal`).size }
}

/** Begins a transaction that reads, and stays. */
function stay(other: SQLite.Database): void {
  other.exec('begin; select count(*) from users')
}

/** Writes some MiB, one a commit. */
async function write(db: Database, mib: number): Promise<void> {
  const password = 'x'.repeat(MIB)
  for (let i = 0; i < mib; i++) {
    const username = crypto.randomUUID()
    await db.write((handle) => insertUser(handle, { username, username_key: username, password, created_at: 1 }))
  }
}

/** After how many pages a commit copies the log; 0 for never. */
async function pagesACheckpoint(db: Database): Promise<unknown> {
  return db.write(async (handle) => (await sql`pragma wal_autocheckpoint`.execute(handle)).rows[0])
}

t.test('without a reader that stays the log is never longer than its limit', async (t) => {
  const { db, size } = await beside(t)
  for (let i = 0; i < 40; i++) {
    await write(db, 1)
    if (size() > LIMIT) t.fail('longer than its limit', { size: size() })
  }
  await db.tidy()
  t.equal(db.stats.logBytes, size())
})

t.test('when a reader that stayed is gone, the next commits cut the log to its limit', async (t) => {
  const { db, other, size } = await beside(t)
  stay(other)
  await write(db, 20)
  t.ok(size() > 20 * MIB)
  other.exec('commit')
  await write(db, 2)
  t.ok(size() <= LIMIT, `${size()} bytes`)
})

t.test('when a reader that stayed is gone, tidying empties the log, also when nobody writes', async (t) => {
  const { db, other, size } = await beside(t)
  stay(other)
  await write(db, 20)
  await db.tidy()
  t.ok(size() > 20 * MIB, 'what a reader needs stays')
  t.equal(db.stats.logBytes, size())
  other.exec('commit')
  await db.tidy()
  t.equal(size(), 0)
  t.equal(db.stats.logBytes, 0)
  t.equal((await names(db)).length, 20, 'nothing is lost')
})

t.test('while a long log waits for a reader, no commit copies it, for that would hold the event loop', async (t) => {
  const { db, other, size } = await beside(t)
  t.same(await pagesACheckpoint(db), { wal_autocheckpoint: 1000 })
  stay(other)
  await write(db, 20)
  await db.tidy()
  t.same(await pagesACheckpoint(db), { wal_autocheckpoint: 0 })
  other.exec('commit')
  await write(db, 2)
  t.ok(size() > 20 * MIB, 'it is left to the thread')
  await db.tidy()
  t.same(await pagesACheckpoint(db), { wal_autocheckpoint: 1000 })
  t.equal(size(), 0)
})

t.test('writes go on while the log is cut, and none is lost', async (t) => {
  const { db, other, size } = await beside(t)
  stay(other)
  await write(db, 40)
  other.exec('commit')
  let isTidy = false
  const tidied = db.tidy().finally(() => {
    isTidy = true
  })
  let written = 0
  while (!isTidy) {
    await db.write((handle) => insert(handle, `user-${written}`))
    written++
  }
  await tidied
  await write(db, 2)
  t.ok(size() <= LIMIT, `${size()} bytes`)
  t.equal((await names(db)).length, 42 + written)
})

t.test('tidying leaves a log within its limit to the commits', async (t) => {
  const { db, size } = await beside(t)
  await write(db, 1)
  const before = size()
  await db.tidy()
  t.equal(size(), before)
})

t.test('a log that cannot be copied now is tried again: another checkpoint is under way', async (t) => {
  const { db, other, size } = await beside(t)
  stay(other)
  await write(db, 10)
  other.exec('commit')
  await Promise.all([db.tidy(), db.tidy(), db.tidy()])
  await db.tidy()
  t.equal(size(), 0)
  t.same(await pagesACheckpoint(db), { wal_autocheckpoint: 1000 })
})

t.test('a thread that cannot read the database tells that it is unavailable, and does not end the service', async (t) => {
  const { file } = await openIn(t)
  const broken = `${file}-broken`
  writeFileSync(broken, 'no database '.repeat(1000))
  writeFileSync(`${broken}-wal`, Buffer.alloc(LIMIT + 1))
  const writer = new SQLite(file)
  t.teardown(() => writer.close())
  const thrown = await new WriteAheadLog(broken, writer).tidy(false).catch((error) => error)
  t.type(thrown, DatabaseUnavailable)
  t.match(thrown, { message: 'file is not a database', cause: { code: 'SQLITE_NOTADB' } })
})

t.test('a database in memory has no log, and nothing to tidy', async (t) => {
  const db = await openDatabase(':memory:')
  t.teardown(() => db.close())
  await db.write((handle) => insert(handle, 'alice'))
  await db.tidy()
  t.equal(db.stats.logBytes, 0)
})

t.test('of one who writes much the thread copies the log before a commit does, and a reader that stays is told of', async (t) => {
  const { db, other, size } = await beside(t)
  for (let i = 0; i < 10; i++) {
    await write(db, 3)
    t.equal(await db.tidy({ isWritingMuch: true }), true)
    t.equal(size(), 0)
  }
  stay(other)
  await write(db, 20)
  t.equal(await db.tidy({ isWritingMuch: true }), false)
  other.exec('commit')
  t.equal(await db.tidy({ isWritingMuch: true }), true)
  t.equal(size(), 0)
})
