// Not on PostgreSQL: it is about SQLite's locks and settings.
import { setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import t from 'tap'
import { insert, names, openIn, outcome } from './file.ts'

t.test('a write is synced to the disk before it resolves, and foreign keys are enforced', async (t) => {
  const { db } = await openIn(t)
  const pragma = (name: string) => db.write(async (handle) => (await handle.executeQuery(rawQuery(`pragma ${name}`))).rows[0])
  t.same(await pragma('synchronous'), { synchronous: 2 })
  t.same(await pragma('foreign_keys'), { foreign_keys: 1 })
})

t.test('a write that need not be durable is not synced, unless it shares its transaction with a durable one', async (t) => {
  const { db } = await openIn(t)
  const synchronous = (isDurable: boolean) =>
    db.write(async (handle) => (await handle.executeQuery<{ synchronous: number }>(rawQuery('pragma synchronous'))).rows[0]?.synchronous, {
      isDurable,
    })
  t.equal(await synchronous(false), 1)
  t.equal(await synchronous(true), 2)
  t.same(await Promise.all([synchronous(false), synchronous(false)]), [1, 1])
  t.same(await Promise.all([synchronous(false), synchronous(true)]), [2, 2])
  t.same(await Promise.all([synchronous(false), db.write(async () => 'by default')]), [2, 'by default'])
})

t.test('the busy timeout of SQLite is 0: its waiting would block the event loop', async (t) => {
  const { db } = await openIn(t)
  const query = rawQuery('pragma busy_timeout')
  t.same((await db.read.executeQuery(query)).rows, [{ timeout: 0 }])
  t.same((await db.write((handle) => handle.executeQuery(query))).rows, [{ timeout: 0 }])
})

const rawQuery = (sql: string) => ({ sql, parameters: [], query: { kind: 'RawNode' }, queryId: { queryId: sql } }) as never

t.test('a write waits for the lock of another process, and succeeds when that releases it in time', async (t) => {
  const { db, file } = await openIn(t)
  const other = new SQLite(file)
  t.teardown(() => other.close())
  other.exec("begin immediate; insert into users (username, username_key, password, created_at) values ('theirs', 'theirs', '-', 1)")
  const ours = db.write((handle) => insert(handle, 'ours'))
  await sleep(300)
  t.same(await names(db), [])
  other.exec('commit')
  await ours
  t.same(await names(db), ['theirs', 'ours'])
})

t.test('when a lock is held for five seconds, all waiting writes are refused together, and later ones succeed', async (t) => {
  const { db, file } = await openIn(t)
  const other = new SQLite(file)
  t.teardown(() => other.close())
  other.exec('begin immediate')
  const asked = performance.now()
  const jobs = Array.from({ length: 5 }, (_, i) => db.write((handle) => insert(handle, `user-${i}`)))
  const settled = Promise.allSettled(jobs)
  const inTime = await Promise.race([settled, sleep(8000, undefined, { ref: false })])
  t.ok(inTime, 'refused after five seconds in all, not five each')
  t.ok(performance.now() - asked > 4500, 'and not at once')
  t.same(
    inTime?.map(outcome),
    jobs.map(() => 'DatabaseUnavailable'),
  )
  other.exec('rollback')
  await settled
  await db.write((handle) => insert(handle, 'later'))
  t.ok((await names(db)).includes('later'))
})
