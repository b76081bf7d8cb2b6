// What the files of `test-groups.ts` begin with.
import './no-async-hooks.ts'
import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import t from 'tap'

/** Says on which database the tests of this process run, and at its end, how many assertions they made. */
export function begin(database: string, countsFile: string): void {
  process.env.TEST_DATABASE = database
  // After its own `teardown` at the top of a file tap would end all tests as soon as none is under way, and close what the next ones use.
  t.teardown = t.after
  if (database === 'postgres') refuseSqlite()
  process.once('exit', () => appendFileSync(countsFile, `${database} ${t.counts.total}\n`))
}

/** To be called when all files are loaded: the tests end with the last of these. */
export function end(): void {
  t.end()
}

function refuseSqlite(): void {
  const url = new URL('../test/postgres/no-sqlite.ts', import.meta.url).href
  registerHooks({
    resolve: (specifier, context, next) => (specifier === 'better-sqlite3' ? { url, shortCircuit: true } : next(specifier, context)),
  })
}
