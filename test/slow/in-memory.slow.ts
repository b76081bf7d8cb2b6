// `npm test` runs the tests of the API on a database file. Here the same files run in memory, where there is one connection,
// and hot queries go by way of Kysely; but for those that say that they do not depend on the database.
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import t from 'tap'

const env = { ...process.env, TEST_DATABASE: 'memory' }

t.jobs = availableParallelism()
for (const folder of ['wire', 'routes']) {
  const path = join(import.meta.dirname, '..', folder)
  const depends = (name: string) => name.endsWith('.test.ts') && !readFileSync(join(path, name), 'utf8').startsWith('// Not on PostgreSQL')
  for (const file of readdirSync(path).filter(depends)) {
    void t.spawn(process.execPath, [join(path, file)], { env, buffered: true }, `${folder}/${file} passes on a database in memory`)
  }
}
