import { closeSync, constants, fsyncSync, openSync, readSync, rmSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import SQLite from 'better-sqlite3'
import { BackupRefused } from '../backups.ts'
import { openSqlite } from './connection.ts'
import { translate } from './errors.ts'
import { describe, filesOf, inWords, noFile } from './fault.ts'

// What a backup and a restore share. Both work on a copy under another name, which takes its own when it is whole and on the disk.

const MAGIC = 'SQLite format 3\0'
const HEADER_BYTES = 100
/** The first migration: every version has it. */
const OURS = '001-users-sessions-keys'

/** Does something with files, and says in words what the system refuses. @throws {BackupRefused} */
export async function onDisk<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { code, path: where = path, dest, syscall, message } = error as NodeJS.ErrnoException & { dest?: string }
    if (syscall === undefined || code === undefined) throw error
    throw new BackupRefused(describe(dest ?? where, code, message))
  }
}

/** What is at a path; undefined when nothing is. @throws {BackupRefused} when it is no file, or cannot be looked at */
export async function findFile(path: string): Promise<Stats | undefined> {
  const found = await onDisk(path, () => statSync(path, { throwIfNoEntry: false }))
  if (found !== undefined && !found.isFile()) throw new BackupRefused(noFile(path, found))
  return found
}

/**
 * Refuses by its first bytes and its length what is no database, or a part of one. SQLite opens nothing for it.
 *
 * @param found what is at the path
 * @throws {BackupRefused}
 */
export async function refuseNoDatabase(path: string, found: Stats): Promise<void> {
  const header = await onDisk(path, () => readHeader(path))
  if (header.length === 0) throw new BackupRefused(`${path}: it is empty`)
  if (header.toString('latin1', 0, MAGIC.length) !== MAGIC) throw new BackupRefused(`${path}: it is no SQLite database`)
  const bytes = header.length < HEADER_BYTES ? HEADER_BYTES : sizeOf(header)
  if (found.size < bytes) throw new BackupRefused(`${path}: it is cut: it has ${found.size} bytes of ${bytes}`)
}

/** The size of a database by its header (SQLite's file format, §1.3): the size of a page, and their number. */
function sizeOf(header: Buffer): number {
  const pageBytes = header.readUInt16BE(16)
  return (pageBytes === 1 ? 65_536 : pageBytes) * header.readUInt32BE(28)
}

function readHeader(path: string): Buffer {
  const file = openSync(path, 'r')
  try {
    const header = Buffer.alloc(HEADER_BYTES)
    return header.subarray(0, readSync(file, header, 0, HEADER_BYTES, 0))
  } finally {
    closeSync(file)
  }
}

/**
 * Checks that a copy, which nobody else has open, is a whole database of ours, of whatever version, and makes one file of it: whoever copies
 * that alone has all of it.
 *
 * @param said what it is called in a refusal
 * @throws {BackupRefused}
 */
export function checkWhole(copy: string, said: string): void {
  const fault = faultOf(copy)
  if (fault !== undefined) throw new BackupRefused(`${said}: ${fault}`)
}

function faultOf(copy: string): string | undefined {
  try {
    return withOpen(copy, faultIn)
  } catch (error) {
    if (isOfDisk(error)) throw new BackupRefused((inWords(copy, translate(error, copy)) as Error).message)
    return `it is damaged: ${(error as Error).message}`
  }
}

function faultIn(sqlite: SQLite.Database): string | undefined {
  sqlite.pragma('journal_mode = DELETE')
  const found = sqlite.pragma('integrity_check(1)', { simple: true })
  if (found !== 'ok') return `it is damaged: ${found}`
  const [orphan] = sqlite.pragma('foreign_key_check') as { table: string; parent: string }[]
  if (orphan !== undefined) return `it is damaged: a row of ${orphan.table} refers to one of ${orphan.parent} that is not there`
  const tables = sqlite.prepare("select name from sqlite_master where type = 'table'").pluck().all() as string[]
  return foreignTable(tables) ?? (isOurs(sqlite) ? foreignTrigger(sqlite) : 'it is the database of another program')
}

function withOpen<T>(copy: string, work: (sqlite: SQLite.Database) => T): T {
  const sqlite = openSqlite(copy)
  try {
    return work(sqlite)
  } finally {
    sqlite.close()
  }
}

/** Whether not the copy is at fault, but where it lies. */
function isOfDisk(error: unknown): boolean {
  return error instanceof SQLite.SqliteError && /^SQLITE_(FULL|IOERR)/.test(error.code)
}

function foreignTable(tables: readonly string[]): string | undefined {
  const [table] = tables
  if (table === undefined) {
    return 'it has no tables: a copy of this file alone, made while a service ran, lacks the write-ahead log beside it; `latchkey backup` copies both'
  }
  return tables.includes('kysely_migration') ? undefined : `it is the database of another program, with the table ${table}`
}

function isOurs(sqlite: SQLite.Database): boolean {
  return sqlite.prepare('select 1 from kysely_migration where name = ?').get(OURS) !== undefined
}

/** We have none. It would run with what a restore does, and could undo it. */
function foreignTrigger(sqlite: SQLite.Database): string | undefined {
  const trigger = sqlite.prepare("select name from sqlite_master where type = 'trigger'").pluck().get()
  return trigger === undefined
    ? undefined
    : `it has the trigger ${trigger}, which is none of ours and could undo what a restore does: drop it first`
}

/** Takes what a copy still has beside it into its file. @throws {BackupRefused} when that fails, for want of space */
export function makeOneFile(copy: string): void {
  try {
    withOpen(copy, (sqlite) => sqlite.pragma('journal_mode = DELETE'))
  } catch (error) {
    throw new BackupRefused(`${copy}: it cannot be written: ${(error as Error).message}`)
  }
}

/** Waits until a file or a folder is on the disk. */
export function sync(path: string): void {
  const opened = openSync(path, constants.O_RDONLY)
  try {
    fsyncSync(opened)
  } finally {
    closeSync(opened)
  }
}

/** Waits until the names in the folder of a file are on the disk. Windows opens no folder, and needs none of it. */
export function syncNames(path: string): void {
  if (process.platform !== 'win32') sync(dirname(path))
}

/** Removes a copy that was not needed, with what SQLite keeps beside it. */
export function removeCopy(copy: string): void {
  for (const path of [...filesOf(copy), `${copy}-journal`]) rmSync(path, { force: true })
}
