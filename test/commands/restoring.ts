import { copyFileSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import SQLite from 'better-sqlite3'
import type { Test } from 'tap'
import { databaseFile } from './latchkey.ts'

/** Adds a user, as a database has it that is not looked at otherwise. */
export function add(file: string, name: string): void {
  const sqlite = new SQLite(file)
  sqlite.prepare("insert into users (username, username_key, password, created_at) values (?, ?, '-', 1)").run(name, name)
  sqlite.close()
}

export function namesIn(file: string): unknown[] {
  const sqlite = new SQLite(file, { readonly: true })
  const names = sqlite.prepare('select username from users order by id').pluck().all()
  sqlite.close()
  return names
}

/** A database with the user `now`, and a backup of when it had `then`. */
export async function withBackup(t: Test): Promise<{ file: string; backup: string }> {
  const backup = await databaseFile(t)
  add(backup, 'then')
  const file = await databaseFile(t)
  add(file, 'now')
  return { file, backup }
}

/** The names of what is beside a file. */
export const beside = (file: string) => readdirSync(dirname(file)).filter((name) => name !== basename(file))

/** Runs SQL, also what breaks a reference. */
export function sql(file: string, text: string): void {
  const sqlite = new SQLite(file)
  sqlite.pragma('foreign_keys = off')
  sqlite.exec(text)
  sqlite.close()
}

/** Damages a page. */
export function spoil(backup: string): void {
  const bytes = readFileSync(backup)
  bytes.fill(0xff, 4096 * 12, 4096 * 13)
  writeFileSync(backup, bytes)
}

/** Adds the user `logged`. */
export const LOGGED = "insert into users (username, username_key, password, created_at) values ('logged', 'logged', '-', 1)"

/** Writes to the log of a database, and leaves it as a process does that is killed. */
export function logAlone(file: string, text: string): void {
  const log = `${file}-wal`
  const writer = new SQLite(file)
  writer.exec(`pragma journal_mode = wal; ${text}`)
  for (const path of [file, log]) copyFileSync(path, `${path}.killed`)
  writer.close()
  renameSync(`${file}.killed`, file)
  renameSync(`${log}.killed`, log)
}
