import { linkSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import SQLite from 'better-sqlite3'
import { BackupRefused, type LastIds } from '../backups.ts'
import { onDisk, removeCopy, syncNames } from './copies.ts'
import { isBusy } from './errors.ts'

/** What a database is called that was replaced, and one that is going to take its place: the name of the file, this, and more. */
const REPLACED = '.replaced-'
const RESTORING = '.restoring-'

/**
 * A database in place that is locked as SQLite itself locks: nobody has it open, and nobody can open it, until this process ends. So long
 * no other way may open its file, nor close it: the system would give up the lock.
 */
export class SoleOwner {
  readonly #file: string
  readonly #sqlite: SQLite.Database
  /** The highest ids that it has given; undefined when it is too damaged to tell. */
  readonly lastIds: LastIds | undefined

  private constructor(file: string, sqlite: SQLite.Database) {
    this.#file = file
    this.#sqlite = sqlite
    this.lastIds = readLastIds(sqlite)
  }

  /**
   * @param file its path without symbolic links
   * @throws {BackupRefused} when somebody has it open, or nobody can know
   */
  static lock(file: string): SoleOwner {
    const sqlite = new SQLite(file, { timeout: 0 })
    try {
      // Whoever has it open with a write-ahead log holds a shared lock on the file all the time. Before all else, for only then does the first
      // transaction take one that shares with nobody.
      sqlite.pragma('locking_mode = EXCLUSIVE')
      sqlite.exec('begin exclusive; commit')
      refuseForeign(file, sqlite)
      return new SoleOwner(file, sqlite)
    } catch (error) {
      sqlite.close()
      throw refusalOf(file, error)
    }
  }

  /** The name of a copy that is going to take its place. What is left of a restore that was killed is removed. */
  newName(suffix: string): string {
    for (const path of namesAfter(this.#file, RESTORING)) removeCopy(path)
    const { ino, dev } = statSync(this.#file)
    for (const path of namesAfter(this.#file, REPLACED)) {
      const other = statSync(path, { throwIfNoEntry: false })
      // It was killed after it had given the database its second name, and before another took the first.
      if (other?.ino === ino && other.dev === dev) rmSync(path)
    }
    return nameOfCopy(this.#file, suffix)
  }

  /**
   * Lets a copy take its place in one step: whoever opens the database before has the one, and afterwards the other.
   *
   * @param at when, in a text that can be a part of a name
   * @returns where it is now, in one file
   */
  async giveWay(copy: string, at: string): Promise<string> {
    this.#leaveLog()
    for (const end of ['-shm', '-journal']) rmSync(`${this.#file}${end}`, { force: true })
    const replaced = await onDisk(this.#file, () => this.#addName(`${this.#file}${REPLACED}${at}`))
    await onDisk(this.#file, () => renameSync(copy, this.#file))
    syncNames(this.#file)
    return replaced
  }

  /** The write-ahead log would otherwise lie beside the database that takes its place. */
  #leaveLog(): void {
    try {
      this.#sqlite.pragma('journal_mode = DELETE')
    } catch (error) {
      throw new BackupRefused(`${this.#file}: its write-ahead log cannot be taken into it: ${(error as Error).message}`)
    }
  }

  #addName(name: string, tries = 1): string {
    const free = tries === 1 ? name : `${name}-${tries}`
    try {
      linkSync(this.#file, free)
      return free
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      return this.#addName(name, tries + 1)
    }
  }

  close(): void {
    this.#sqlite.close()
  }
}

/** The name of a copy that is going to be a database. */
export function nameOfCopy(file: string, suffix: string): string {
  return `${file}${RESTORING}${suffix}`
}

function namesAfter(file: string, end: string): string[] {
  const folder = dirname(file)
  const names = readdirSync(folder).filter((name) => name.startsWith(basename(file) + end))
  return names.map((name) => join(folder, name))
}

function readLastIds(sqlite: SQLite.Database): LastIds | undefined {
  try {
    const rows = sqlite.prepare("select name, seq from sqlite_sequence where typeof(seq) = 'integer'").raw().all() as [string, number][]
    return Object.fromEntries(rows)
  } catch {
    return undefined
  }
}

function refuseForeign(file: string, sqlite: SQLite.Database): void {
  const tables = tablesOf(sqlite)
  const [table] = tables
  if (table === undefined || tables.includes('kysely_migration')) return
  throw new BackupRefused(`${file} is the database of another program, with the table ${table}: DATABASE_URL names another place`)
}

/** None where it is damaged: then nobody can say that it is foreign. */
function tablesOf(sqlite: SQLite.Database): string[] {
  try {
    return sqlite.prepare("select name from sqlite_master where type = 'table'").pluck().all() as string[]
  } catch {
    return []
  }
}

function refusalOf(file: string, error: unknown): unknown {
  if (!(error instanceof SQLite.SqliteError)) return error
  if (isBusy(error)) return new BackupRefused(`${file} is open: stop the service, and whatever else works on it, first`)
  return new BackupRefused(
    `${file} cannot be locked, so nobody knows whether a service has it open: stop every service, move the file away, and run this again ` +
      `(${error.code}: ${error.message})`,
  )
}
