// Not on PostgreSQL: the databases of earlier versions are files of SQLite.
import SQLite from 'better-sqlite3'
import t from 'tap'
import { migrations } from '../../db/migrate.ts'
import { databaseFile, latchkey } from '../commands/latchkey.ts'
import { start } from '../server/process.ts'
import { type OldDatabase, oldDatabases, writeOldDatabase } from './old-databases.ts'

const old = oldDatabases[0] as OldDatabase

/** The migrations that a database has. */
function applied(file: string): string[] {
  const sqlite = new SQLite(file, { readonly: true })
  const names = sqlite.prepare('select name from kysely_migration order by name').pluck().all() as string[]
  sqlite.close()
  return names
}

t.test('a start logs the migrations that it runs, before them and with how long they took; the next start logs none', async (t) => {
  const file = writeOldDatabase(t, old)
  const before = applied(file)
  const missing = Object.keys(migrations).filter((name) => !before.includes(name))
  t.ok(missing.length > 0)
  const lines = async () => {
    const service = await start(t, { ...old.settings, DATABASE_URL: `file:${file}`, PUBLIC_URL: 'http://localhost:4300' })
    await service.stop()
    const all = service.output().trimEnd().split('\n')
    return all.map((line) => JSON.parse(line)).filter(({ msg }) => msg?.includes('tables'))
  }
  const [began, ended, ...more] = await lines()
  t.match(began, { level: 30, migrations: missing, msg: 'the tables of the database are brought up to date' })
  t.match(ended, { level: 30, ms: Number, msg: 'the tables of the database are up to date' })
  t.same(more, [])
  t.same(applied(file), Object.keys(migrations))
  t.same(await lines(), [])
})

t.test('a command that runs migrations says so on standard error, and the next one says nothing', async (t) => {
  const file = writeOldDatabase(t, old)
  const before = applied(file)
  const missing = Object.keys(migrations).filter((name) => !before.includes(name))
  const stderr = `latchkey: the tables of the database are brought up to date: ${missing.join(', ')}\n`
  t.match(await latchkey(`file:${file}`, 'clients', 'list', '--json'), { code: 0, stderr, stdout: /^\[.*\]\n$/ })
  t.match(await latchkey(`file:${file}`, 'clients', 'list', '--json'), { code: 0, stderr: '', stdout: /^\[.*\]\n$/ })
})

t.test('a command refuses a database that a newer version has made, and changes nothing in it', async (t) => {
  const file = await databaseFile(t)
  const sqlite = new SQLite(file)
  sqlite.exec("insert into kysely_migration values ('999-later', '2030-01-01T00:00:00Z')")
  sqlite.close()
  const before = applied(file)
  t.same(await latchkey(`file:${file}`, 'users', 'disable', 'alice'), {
    code: 1,
    signal: null,
    stdout: '',
    stderr:
      'latchkey: DATABASE_URL: cannot use the database: it was made by a newer version of latchkey, with the migration 999-later, ' +
      'which this version does not know: run that version, or restore a backup from before its upgrade\n',
  })
  t.same(applied(file), before)
})
