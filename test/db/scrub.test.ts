// Not on PostgreSQL: it is about SQLite's file.
import SQLite from 'better-sqlite3'
import t from 'tap'
import { scrubOnce } from '../../db/sqlite/scrub.ts'
import { openIn } from './file.ts'

/** The pages of a file that hold nothing any more. */
const freePages = (sqlite: SQLite.Database) => sqlite.pragma('freelist_count', { simple: true })

t.test('a file is written anew once, and not at each start', async (t) => {
  const { db, file } = await openIn(t)
  await db.close()
  const sqlite = new SQLite(file)
  t.teardown(() => sqlite.close())
  sqlite.exec('create table much (text text); insert into much values (zeroblob(1000000)); drop table much')
  const free = freePages(sqlite)
  t.ok(Number(free) > 100)
  await scrubOnce(file)
  t.equal(freePages(sqlite), free)
  sqlite.pragma('user_version = 0')
  await scrubOnce(file)
  t.equal(freePages(sqlite), 0)
})

t.test('where another process writes for too long the service starts all the same, and the next start writes the file anew', async (t) => {
  const { db, file } = await openIn(t)
  await db.close()
  const other = new SQLite(file)
  t.teardown(() => other.close())
  const version = () => other.pragma('user_version', { simple: true })
  other.pragma('user_version = 0')
  other.exec('begin immediate')
  // The time that it waits passes faster.
  let now = 0
  t.intercept(performance, 'now', { value: () => (now += 1000) })
  await scrubOnce(file)
  other.exec('rollback')
  t.equal(version(), 0)
  await scrubOnce(file)
  t.equal(version(), 1)
})
