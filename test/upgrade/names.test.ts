// Not on PostgreSQL: the databases of earlier versions are files of SQLite.
import SQLite from 'better-sqlite3'
import t from 'tap'
import { build, claimsOf, PASSWORD, post } from '../helper.ts'
import { answerOf, invalid, noAccount, OBTAIN, REGISTER, show, TAKEN } from '../wire/wire.ts'
import { someOldDatabases, writeOldDatabase } from './old-databases.ts'
import { startOn } from './upgraded.ts'

/** Names that versions before took, and that new users cannot have: invisible characters, bidirectional controls, other normal forms. */
const OLD_NAMES = [
  ...['zoe\u0308', 'al\u200bice', 'alice\ufe0f', '\u00adbob', 'b\u202eob', '\u2066bob\u2069', '\u200b', '\u200b\u200b', '\u3164', '\u2800'],
  ...['a\u0323\u0302', '\u00e2\u0323', 'ИВАН', 'STRAẞE', 'ısparta', 'isparta', '\ufdfa'.repeat(190)],
]

/** The key of a name in those versions. */
function oldKey(name: string): string {
  return name.normalize('NFKC').toLowerCase().toUpperCase().toLowerCase().normalize('NFKC')
}

/** Adds users with alice's password. @returns the id of each */
function addUsers(file: string, names: readonly string[]): Map<string, number> {
  const db = new SQLite(file)
  const insert = db.prepare(
    "insert into users (username, username_key, password, created_at) select ?, ?, password, created_at from users where username = 'alice'",
  )
  const ids = new Map(names.map((name) => [name, Number(insert.run(name, oldKey(name)).lastInsertRowid)]))
  db.close()
  return ids
}

for (const old of someOldDatabases) {
  t.test(`after the upgrade of ${old.name} every name logs in as its own user, also one that is refused today`, async (t) => {
    const file = writeOldDatabase(t, old)
    const ids = addUsers(file, OLD_NAMES)
    const app = await startOn(t, file, old, { LIMITS: 'off' })
    for (const [username, id] of ids) {
      const answer = await post(app, OBTAIN, { username, password: PASSWORD })
      t.equal(answer.statusCode, 200, show(username))
      t.equal(claimsOf(answer.json().access).user_id, id, show(username))
    }
    // In another form, too, where it is one user's alone.
    const composed = await post(app, OBTAIN, { username: 'zo\u00eb', password: PASSWORD })
    t.equal(claimsOf(composed.json().access).user_id, ids.get('zoe\u0308'))
    t.strictSame(answerOf(await post(app, OBTAIN, { username: '\u1ead', password: PASSWORD })), noAccount, 'of two users')
  })

  t.test(`after the upgrade of ${old.name} a name that looks like that of an old user is taken`, async (t) => {
    const file = writeOldDatabase(t, old)
    addUsers(file, ['c\u200barol', 'zoe\u0308', 'STRAẞE', 'ısparta'])
    const app = await startOn(t, file, old, { LIMITS: 'off' })
    for (const username of ['carol', 'Car\u00adol', 'Zo\u00eb', 'strasse', 'al\u200bice', 'ISPARTA'.replace('I', 'ı')]) {
      t.strictSame(answerOf(await post(app, REGISTER, { username, password: PASSWORD })), invalid({ username: TAKEN }), show(username))
    }
  })
}

t.test('the upgrade of many users brings the key of each up to date', async (t) => {
  const [old] = someOldDatabases
  const file = writeOldDatabase(t, old as (typeof someOldDatabases)[number])
  const names = Array.from({ length: 2500 }, (_, i) => (i % 3 ? `user${i}` : `us\u200ber${i}`))
  addUsers(file, names)
  const app = await build(t, { DATABASE_URL: `file:${file}`, PORT: '4300', ...old?.settings })
  const keys = await app.db.read.selectFrom('users').select('username_key').where('id', '>', 2).orderBy('id').execute()
  t.strictSame(
    keys.map(({ username_key }) => username_key),
    names.map((_, i) => `user${i}`),
  )
})
