// Not on PostgreSQL: it is about the check of SQLite's file.
import { statSync } from 'node:fs'
import SQLite from 'better-sqlite3'
import t from 'tap'
import { DatabaseUnavailable } from '../../db/errors.ts'
import { healthOf } from '../../db/health.ts'
import { insert, openIn } from './file.ts'

t.test('a database is checked once a second at most, and whoever asks meanwhile gets the same answer', async (t) => {
  let now = 0
  let checks = 0
  let failure: Error | undefined
  const check = async () => {
    checks++
    if (failure) throw failure
  }
  const health = healthOf({ check }, () => now)
  await Promise.all([health(), health()])
  now = 999
  failure = new DatabaseUnavailable('full')
  await health()
  t.equal(checks, 1)
  now = 1000
  await t.rejects(Promise.all([health(), health()]), failure)
  now = 1999
  failure = undefined
  await t.rejects(health(), { message: 'full' })
  t.equal(checks, 2)
  now = 2000
  await health()
  t.equal(checks, 3)
})

t.test('a check that takes long is shared, however late it is', async (t) => {
  let now = 0
  let checks = 0
  let finish = () => {}
  const check = () => {
    checks++
    return new Promise<void>((resolve) => {
      finish = resolve
    })
  }
  const health = healthOf({ check }, () => now)
  const asked = health()
  now = 5000
  t.equal(health(), asked)
  finish()
  await asked
  t.equal(checks, 1)
})

t.test('a check writes, and changes nothing', async (t) => {
  const { db, file } = await openIn(t)
  const other = new SQLite(file)
  t.teardown(() => other.close())
  other.pragma('wal_checkpoint(truncate)')
  const version = () => [other.pragma('user_version', { simple: true }), other.pragma('schema_version', { simple: true })]
  const before = version()
  await db.check()
  t.ok(statSync(`${file}-wal`).size > 0)
  t.same(version(), before)
})

t.test('a check waits for its turn behind all writes that wait, and is not refused for their number', async (t) => {
  const { db } = await openIn(t)
  const writes = Array.from({ length: 2100 }, (_, i) => db.write((handle) => insert(handle, `user-${i}`)).catch(({ message }) => message))
  await db.check()
  t.match(await Promise.all(writes.slice(-1)), ['too many writes are waiting'])
  t.equal(db.stats.refused, 100)
})

t.test('a database that may not be written fails its check with the reason in words', async (t) => {
  const { db, file } = await openIn(t)
  await db.write((handle) =>
    handle.executeQuery({ sql: 'pragma query_only = on', parameters: [], query: { kind: 'RawNode' }, queryId: {} } as never),
  )
  const failed = await db.check().catch((error) => error)
  t.type(failed, DatabaseUnavailable)
  t.equal(failed.message, `${file}: it cannot be written (SQLITE_READONLY)`)
})
