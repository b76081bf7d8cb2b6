// Not on PostgreSQL: the databases of earlier versions are files of SQLite.
import { existsSync, readFileSync } from 'node:fs'
import SQLite from 'better-sqlite3'
import t from 'tap'
import { START } from '../helper.ts'
import { someOldDatabases, writeOldDatabase } from './old-databases.ts'
import { startOn } from './upgraded.ts'

// Versions before kept every name as it was typed, and so the passwords that were typed into the wrong field.

const SECRET = 'k7$wQz!typed-into-the-wrong-field'

/** The events of a service of before: names that were typed, in rows, on free pages and in a write-ahead log. */
function typeSecrets(file: string): void {
  const db = new SQLite(file)
  const insert = db.prepare('insert into auth_events (at, last_at, kind, reason, user_id, username, client) values (?, ?, ?, ?, ?, ?, ?)')
  const happen = (kind: string, username: string, userId: number | null = null) =>
    insert.run(START, START, kind, null, userId, username, 'x'.repeat(200))
  for (let i = 0; i < 2000; i++) happen('login_failed', SECRET)
  db.exec(`delete from auth_events where username = '${SECRET}' and id % 50 > 0`)
  for (const kind of ['login_failed', 'login_throttled']) for (const name of [SECRET, 'alice']) happen(kind, name)
  happen('login_failed', 'gone', 7)
  happen('user_deleted', 'gone', 7)
  db.close()
}

for (const old of someOldDatabases) {
  t.test(`after the upgrade of ${old.name} no name that is no user's is in a row or in the file`, async (t) => {
    const file = writeOldDatabase(t, old)
    typeSecrets(file)
    t.ok(readFileSync(file).includes(SECRET))
    const app = await startOn(t, file, old)
    const rows = await app.db.read
      .selectFrom('auth_events')
      .select(['kind', 'user_id', 'username', 'name_hash'])
      .where('at', '=', START)
      .where('client', 'is not', null)
      .orderBy('id')
      .execute()
    const typed = { user_id: null, name_hash: null }
    t.strictSame(rows.slice(-6), [
      { ...typed, kind: 'login_failed', username: null },
      { ...typed, kind: 'login_failed', username: 'alice' },
      { ...typed, kind: 'login_throttled', username: null },
      { ...typed, kind: 'login_throttled', username: 'alice' },
      { kind: 'login_failed', user_id: 7, username: 'gone', name_hash: null },
      { kind: 'user_deleted', user_id: 7, username: 'gone', name_hash: null },
    ])
    t.equal(rows.length, 40 + 6)
    t.strictSame(
      rows.slice(0, 40),
      Array.from({ length: 40 }, () => ({ ...typed, kind: 'login_failed', username: null })),
    )
    for (const name of [file, `${file}-wal`]) t.notOk(existsSync(name) && readFileSync(name).includes(SECRET), name)
    await app.close()
    t.notOk(readFileSync(file).includes(SECRET))
  })
}
