// Not on PostgreSQL: it is about the queue of SQLite's writes.
import { setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import type { Database } from '../../db/database.ts'
import { DatabaseOverloaded } from '../../db/errors.ts'
import { migrations } from '../../db/migrate.ts'
import { openDatabase } from '../../db/open.ts'
import { findUserByName } from '../../db/users.ts'
import { folder } from '../server/process.ts'
import { insert, names, openIn, outcome } from './file.ts'

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
  const [inserted, finish] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const job = db.write(async (handle) => {
    await insert(handle, 'later')
    inserted.resolve()
    await finish.promise
  })
  await inserted.promise
  t.same(await findUserByName(db.read, 'later'), undefined)
  finish.resolve()
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
