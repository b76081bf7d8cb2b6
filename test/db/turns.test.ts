// Not on PostgreSQL: it is about SQLite.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openDatabase } from '../../db/open.ts'
import { lockUser, takeTurns } from '../../db/turns.ts'

const root = join(import.meta.dirname, '../..')

t.test('on SQLite, where one transaction writes at a time, taking turns and locking a user runs no query', async (t) => {
  const db = await openDatabase(':memory:')
  t.teardown(() => db.close())
  const queries = t.capture(db.read.getExecutor(), 'executeQuery')
  const results = await db.write(async (handle) => [await takeTurns(handle, 'signing keys'), await lockUser(handle, 1)])
  t.same(results, [undefined, undefined])
  t.equal(queries().length, 0)
})

t.test('nothing but turns, locked users and tallies makes transactions wait for each other', async (t) => {
  const locks = /for\w*update|for\w*share|skip\s*locked|advisory|lock table|serializable|repeatable read|savepoint/i
  const files = ['db', 'domain', 'routes', 'plugins', 'commands'].flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: root }))
  const code = (file: string) => readFileSync(join(root, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
  const found = files.filter((file) => locks.test(code(file))).map((file) => file.replaceAll('\\', '/'))
  // One leaves out what is locked, one reads alone, all of one state, which no transaction waits for, and another one locks for migrations.
  t.same(found.sort(), ['db/postgres/changes.ts', 'db/postgres/database.ts', 'db/postgres/dialect.ts', 'db/turns.ts'])
})
