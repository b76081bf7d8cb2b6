import t from 'tap'
import { migrations } from '../../db/migrate.ts'
import { openDatabase } from '../../db/open.ts'
import { oldDatabases, someOldDatabases } from '../upgrade/old-databases.ts'
import { answersReplaced, endsSessions, logsNobodyOut, revivesNothing, seesReuse } from '../upgrade/promises.ts'
import { migrateUntil, restoreInto } from './postgres/old-tables.ts'
import { startServer } from './postgres/server.ts'

// No version that ran on PostgreSQL is as old as these databases of SQLite: their rows, in the tables that the migrations of their time make.

const server = await startServer(t, { settings: { fsync: 'off' } })
let databases = 0

const COLUMNS = `select table_name, column_name, data_type, collation_name, is_nullable, column_default from information_schema.columns
  where table_schema = 'public' order by table_name, column_name`
const INDEXES = `select tablename, indexdef from pg_indexes where schemaname = 'public' order by tablename, indexdef`

t.test('the tables of each version since the first become those of today', async (t) => {
  await (await openDatabase(server.url())).close()
  const today = [await server.sql(COLUMNS), await server.sql(INDEXES)]
  const names = Object.keys(migrations)
  for (let count = 1; count < names.length; count++) {
    const database = `version-${count}`
    const url = await server.makeDatabase(database)
    await migrateUntil(url, names.slice(0, count))
    const pending: string[] = []
    const opening = { onUpgrade: (those: readonly string[]) => void pending.push(...those) }
    await (await openDatabase(url, opening)).close()
    t.same(pending, names.slice(count))
    t.same([await server.sql(COLUMNS, database), await server.sql(INDEXES, database)], today, `after ${names[count - 1]}`)
  }
})

for (const sqlite of oldDatabases) {
  const old = { ...sqlite, restore: () => restoreInto(server, `old-${databases++}`, sqlite) }
  t.test(`the upgrade of ${old.name} on PostgreSQL logs nobody out`, (t) => logsNobodyOut(t, old))
  if (!someOldDatabases.includes(sqlite)) continue
  if (old.sessions.reusable !== undefined) {
    t.test(`after the upgrade of ${old.name} on PostgreSQL a replaced refresh token is answered with its successor`, (t) =>
      answersReplaced(t, old),
    )
    t.test(`after the upgrade of ${old.name} on PostgreSQL the reuse of a refresh token ends its session`, (t) => seesReuse(t, old))
  }
  t.test(`the upgrade of ${old.name} on PostgreSQL revives no session that had ended`, (t) => revivesNothing(t, old))
  t.test(`after the upgrade of ${old.name} on PostgreSQL each way to end a session ends those of before`, (t) => endsSessions(t, old))
}
