// The databases of the tests. `TEST_DATABASE` says of which kind: `postgres`, `memory` (SQLite without files), or SQLite in a file, as in
// production.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { openDatabase } from '../db/open.ts'
import { emptyDatabase, isConnected } from './postgres/databases.ts'

const isPostgres = process.env.TEST_DATABASE === 'postgres'

/** The option `skip` of a test that is bound to SQLite, in a file whose other tests run on PostgreSQL, too. */
export function notOnPostgres(reason: string): string | false {
  return isPostgres && reason
}

/** The URL of a database with all tables and no rows, for one test. Several apps and processes can open it. */
export async function databaseUrl(t: Pick<Test, 'teardown'>): Promise<string> {
  if (isPostgres) return emptyDatabase(t)
  const folder = ramFolder()
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  empty ??= emptyFile()
  writeFileSync(join(folder, 'latchkey.db'), await empty)
  return `file:${folder}/latchkey.db`
}

/** The same for one app: with `TEST_DATABASE=memory`, hot queries reach SQLite through another code path (`db/sqlite/dialect.ts`). */
export async function databaseUrlOfOne(t: Pick<Test, 'teardown'>): Promise<string> {
  return process.env.TEST_DATABASE === 'memory' ? ':memory:' : databaseUrl(t)
}

/** Whether an app or a process has a database open. */
export async function isOpen(url: string): Promise<boolean> {
  return isPostgres ? isConnected(url) : ['-wal', '-shm'].some((end) => existsSync(`${fileOf(url)}${end}`))
}

/** Whether nobody has a database open any more, within a second: a server notices the end of a connection a little later. */
export async function isClosed(url: string): Promise<boolean> {
  for (let tries = 0; tries < 50; tries++) {
    if (!(await isOpen(url))) return true
    await sleep(20)
  }
  return false
}

/** The path of a SQLite database. */
export function fileOf(url: string): string {
  return url.slice('file:'.length)
}

/** What the file of a SQLite database holds; nothing where a server keeps the files. */
export function bytesOf(url: string): string {
  return isPostgres ? '' : readFileSync(fileOf(url), 'latin1')
}

/** On a RAM disk where there is one, so that commits do not wait for a disk. */
function ramFolder(): string {
  return mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'latchkey-test-'))
}

/** The bytes of a SQLite file without rows. Each test begins with a copy: to make the tables anew would be half of the start of its app. */
let empty: Promise<Buffer> | undefined

async function emptyFile(): Promise<Buffer> {
  const folder = ramFolder()
  const file = join(folder, 'latchkey.db')
  await (await openDatabase(`file:${file}`)).close()
  const bytes = readFileSync(file)
  rmSync(folder, { recursive: true, force: true })
  return bytes
}
