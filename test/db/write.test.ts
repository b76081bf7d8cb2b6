import { setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import type { Database, Handle } from '../../db/database.ts'
import { DatabaseOverloaded, DatabaseUnavailable } from '../../db/errors.ts'
import { migrations } from '../../db/migrate.ts'
import { openDatabase } from '../../db/open.ts'
import { findUserByName, insertUser } from '../../db/users.ts'
import { folder } from '../server/process.ts'

async function openIn(t: Test): Promise<{ db: Database; file: string }> {
  const file = `${folder(t)}/latchkey.db`
  const db = await openDatabase(`file:${file}`)
  t.teardown(() => db.close())
  return { db, file }
}

const insert = (handle: Handle, username: string) => insertUser(handle, { username, username_key: username, password: '-', created_at: 1 })

/** `done`, or how the job failed: the class of a database error, else the message. */
function outcome(result: PromiseSettledResult<unknown>): string {
  if (result.status === 'fulfilled') return 'done'
  const isOurs = [DatabaseOverloaded, DatabaseUnavailable].some((known) => result.reason instanceof known)
  return isOurs ? result.reason.constructor.name : result.reason.message
}

async function names(db: Database): Promise<string[]> {
  return (await db.read.selectFrom('users').select('username').orderBy('id').execute()).map(({ username }) => username)
}

t.test('jobs that wait share one transaction, and each gets its own result', async (t) => {
  const { db } = await openIn(t)
  const results = await Promise.all(
    ['a', 'b', 'c'].map((name) =>
      db.write(async (handle) => {
        await insert(handle, name)
        return (await names({ ...db, read: handle })).length
      }),
    ),
  )
  t.same(results, [1, 2, 3])
  t.same(await names(db), ['a', 'b', 'c'])
})

t.test('a write resolves after its commit: later reads see it', async (t) => {
  const { db, file } = await openIn(t)
  const other = new SQLite(file, { readonly: true })
  t.teardown(() => other.close())
  const count = other.prepare('select count(*) from users').pluck()
  for (let i = 0; i < 20; i++) {
    let insideSees: unknown
    await db.write(async (handle) => {
      await insert(handle, `user-${i}`)
      insideSees = count.get()
    })
    t.equal(insideSees, i, 'not visible before the commit')
    t.equal(count.get(), i + 1, 'visible after it')
  }
})

t.test('a job that throws is rolled back, and the other jobs of its transaction still succeed', async (t) => {
  const { db } = await openIn(t)
  const results = await Promise.allSettled([
    db.write((handle) => insert(handle, 'before')),
    db.write(async (handle) => {
      await insert(handle, 'half')
      throw new Error('of its own')
    }),
    db.write((handle) => insert(handle, 'before')),
    db.write((handle) => insert(handle, 'after')),
  ])
  t.same(results.map(outcome), ['done', 'of its own', 'UNIQUE constraint failed: users.username', 'done'])
  t.same(await names(db), ['before', 'after'])
})

t.test('a job that throws a value that is no Error fails alone', async (t) => {
  const { db } = await openIn(t)
  for (const thrown of [undefined, null, 'text']) {
    const [one, two] = await Promise.allSettled([db.write(() => Promise.reject(thrown)), db.write((handle) => insert(handle, `${thrown}`))])
    t.same(one, { status: 'rejected', reason: thrown })
    t.match(two, { status: 'fulfilled' })
  }
  t.same(await names(db), ['undefined', 'null', 'text'])
})

t.test('a job that throws synchronously fails like any other', async (t) => {
  const { db } = await openIn(t)
  await t.rejects(
    db.write(() => {
      throw new Error('at once')
    }),
    { message: 'at once' },
  )
  await db.write((handle) => insert(handle, 'next'))
  t.same(await names(db), ['next'])
})

/** Counts the turns of the event loop. */
function countTurns(t: Test): () => number {
  let turns = 0
  let next = setImmediate(function count() {
    turns++
    next = setImmediate(count)
  })
  t.teardown(() => clearImmediate(next))
  return () => turns
}

/** Blocks the event loop, as a query of better-sqlite3 does. */
function work(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

t.test('a long batch of jobs lets other requests run in between, and stays one transaction', async (t) => {
  const { db } = await openIn(t)
  const turn = countTurns(t)
  const seen = await Promise.all(
    Array.from({ length: 5 }, (_, i) =>
      db.write(async (handle) => {
        await insert(handle, `user-${i}`)
        work(10)
        return { turn: turn(), inside: (await names({ ...db, read: handle })).length, outside: (await names(db)).length }
      }),
    ),
  )
  t.equal(new Set(seen.map(({ turn }) => turn)).size, 5)
  t.same(
    seen.map(({ inside, outside }) => [inside, outside]),
    [1, 2, 3, 4, 5].map((n) => [n, 0]),
  )
})

t.test('jobs that run again after a failure let other requests run in between', async (t) => {
  const { db } = await openIn(t)
  const turn = countTurns(t)
  const [, one, two] = await Promise.allSettled([
    db.write(() => Promise.reject(new Error())),
    db.write(async () => turn()),
    db.write(async () => turn()),
  ])
  t.match([one, two], [{ status: 'fulfilled' }, { status: 'fulfilled' }])
  t.notSame(one, two)
})

t.test('while a job runs, reads go on and see only what is committed', async (t) => {
  const { db } = await openIn(t)
  let finish = () => {}
  const job = db.write(async (handle) => {
    await insert(handle, 'later')
    await new Promise<void>((resolve) => {
      finish = resolve
    })
  })
  await sleep(20)
  t.same(await findUserByName(db.read, 'later'), undefined)
  finish()
  await job
  t.match(await findUserByName(db.read, 'later'), { username: 'later' })
})

t.test('with a database in memory, reads see only what is committed', async (t) => {
  const db = await openDatabase(':memory:')
  t.teardown(() => db.close())
  const job = db.write(async (handle) => {
    await insert(handle, 'never')
    await sleep(20)
    throw new Error('rolled back')
  })
  await sleep(5)
  t.same(await findUserByName(db.read, 'never'), undefined)
  await t.rejects(job, { message: 'rolled back' })
})

t.test('jobs beyond the limit of the queue are refused, and the waiting ones are done', async (t) => {
  const { db } = await openIn(t)
  const results = await Promise.allSettled(Array.from({ length: 2100 }, (_, i) => db.write((handle) => insert(handle, `user-${i}`))))
  const refused = results.filter(({ status }) => status === 'rejected')
  t.equal(refused.length, 100)
  t.ok(refused.every((result) => (result as PromiseRejectedResult).reason instanceof DatabaseOverloaded))
  t.equal((await names(db)).length, 2000)
})

t.test('jobs that wait when the database is closed are done first', async (t) => {
  const file = `${folder(t)}/latchkey.db`
  const db = await openDatabase(`file:${file}`)
  const jobs = Array.from({ length: 10 }, (_, i) => db.write((handle) => insert(handle, `user-${i}`)))
  await db.close()
  await Promise.all(jobs)
  const sqlite = new SQLite(file, { readonly: true })
  t.teardown(() => sqlite.close())
  t.equal(sqlite.prepare('select count(*) from users').pluck().get(), 10)
})

t.test('when ten connections open one new file together, each migration is applied once', async (t) => {
  const file = `${folder(t)}/latchkey.db`
  const opened = await Promise.all(Array.from({ length: 10 }, () => openDatabase(`file:${file}`)))
  await Promise.all(opened.map((db, i) => db.write((handle) => insert(handle, `user-${i}`))))
  t.equal((await names(opened[0] as Database)).length, 10)
  for (const db of opened) await db.close()
  const sqlite = new SQLite(file, { readonly: true })
  t.teardown(() => sqlite.close())
  t.same(sqlite.prepare('select name from kysely_migration').pluck().all(), Object.keys(migrations))
  t.equal(sqlite.pragma('journal_mode', { simple: true }), 'wal')
  t.equal(sqlite.pragma('integrity_check', { simple: true }), 'ok')
})

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
