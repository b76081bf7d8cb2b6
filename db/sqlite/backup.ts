import { randomBytes } from 'node:crypto'
import { closeSync, lstatSync, openSync, realpathSync, renameSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import SQLite from 'better-sqlite3'
import { type BackingUp, BackupRefused, type Copying } from '../backups.ts'
import { openSqlite } from './connection.ts'
import { checkWhole, findFile, onDisk, removeCopy, sync, syncNames } from './copies.ts'
import { patiently } from './dialect.ts'
import { filesOf } from './fault.ts'
import { refuseNoFile } from './file.ts'

/** For its user alone: it has the hashes of passwords, and maybe keys in clear. */
const MODE = 0o600
/** Some milliseconds of copying, between which signals are heard. */
const PAGES_A_STEP = 1000

/** As `Copies.backUp`. */
export async function backUp(file: string, to: string, { isReplacing, ...copying }: BackingUp): Promise<number> {
  const target = resolve(to)
  refuseNoFile(file)
  await refuseOwnFiles(file, target)
  await refuseExisting(target, isReplacing)
  const partial = `${target}.partial-${randomBytes(4).toString('hex')}`
  try {
    // SQLite itself would make it readable for others.
    await onDisk(partial, () => closeSync(openSync(partial, 'wx', MODE)))
    await copySnapshot(file, partial, copying)
    checkWhole(partial, file)
    sync(partial)
    await refuseExisting(target, isReplacing)
    const { size } = statSync(partial)
    await onDisk(target, () => renameSync(partial, target))
    syncNames(target)
    return size
  } finally {
    removeCopy(partial)
  }
}

/**
 * In a transaction that reads: it sees one state. Without one SQLite would begin anew with each commit of another process, and never end beside
 * a service that is busy.
 */
async function copySnapshot(file: string, partial: string, { tell, signal }: Copying): Promise<void> {
  const sqlite = await patiently(file, () => openSqlite(file))
  try {
    const pageBytes = sqlite.pragma('page_size', { simple: true }) as number
    await patiently(file, () => sqlite.exec('begin; select count(*) from sqlite_master'))
    await sqlite.backup(partial, {
      progress({ totalPages, remainingPages }) {
        signal.throwIfAborted()
        tell((totalPages - remainingPages) * pageBytes, totalPages * pageBytes)
        return PAGES_A_STEP
      },
    })
  } catch (error) {
    throw error instanceof SQLite.SqliteError ? new BackupRefused(`cannot copy ${file} to ${partial}: ${error.message}`) : error
  } finally {
    sqlite.close()
  }
}

/** A file that has the name of an open one would take its place, and one that has that of a journal would be deleted as a stale one. */
async function refuseOwnFiles(file: string, target: string): Promise<void> {
  const own = [resolve(file), realpathSync(file)].flatMap((path) => [...filesOf(path), `${path}-journal`])
  const found = await findFile(target)
  const places = found === undefined ? [target] : [target, realpathSync(target)]
  if (places.some((place) => own.includes(place))) throw new BackupRefused(`${target}: it belongs to the database itself`)
}

async function refuseExisting(target: string, isReplacing: boolean): Promise<void> {
  const found = await onDisk(target, () => lstatSync(target, { throwIfNoEntry: false }))
  if (found !== undefined && !isReplacing) {
    throw new BackupRefused(`${target}: it is there already; name another file, or replace it with --replace`)
  }
}
