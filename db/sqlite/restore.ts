import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  createReadStream,
  createWriteStream,
  existsSync,
  linkSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { BackupRefused, type Copying, type Restored, type Restoring } from '../backups.ts'
import type { Database } from '../database.ts'
import { NotOurDatabase } from '../errors.ts'
import { checkWhole, findFile, makeOneFile, onDisk, refuseNoDatabase, removeCopy, sync, syncNames } from './copies.ts'
import { makeFolderOf } from './file.ts'
import { nameOfCopy, SoleOwner } from './sole-owner.ts'

const MODE = 0o600

/** Opens a database, and brings its tables up to date. */
type Open = (file: string) => Promise<Database>

/** Makes a copy that can take the place of a database. */
type Make<T> = (copy: string, lastIds: SoleOwner['lastIds']) => Promise<T>

/** As `Copies.restore`. */
export async function restore<T>(file: string, from: string, options: Restoring<T>, open: Open): Promise<Restored<T>> {
  const source = resolve(from)
  const backup = await refuseNoBackup(source)
  const make: Make<T> = async (copy, lastIds) => {
    await onDisk(copy, () => copyBytes(source, copy, backup.size, options))
    checkWhole(copy, source)
    return prepare(copy, source, open, (db) => options.prepare(db, lastIds))
  }
  makeFolderOf(file)
  const there = await findFile(file)
  if (there === undefined) return restoreAnew(resolve(file), make)
  if (there.ino === backup.ino && there.dev === backup.dev) throw new BackupRefused(`${source}: it is the database itself`)
  const place = realpathSync(file)
  const owner = SoleOwner.lock(place)
  try {
    return { place, ...(await replace(owner, there, make, options.at)) }
  } finally {
    owner.close()
  }
}

async function replace<T>(owner: SoleOwner, there: Stats, make: Make<T>, at: number): Promise<Omit<Restored<T>, 'place'>> {
  const copy = owner.newName(randomName())
  try {
    const prepared = await make(copy, owner.lastIds)
    // Whoever was let in by the operator is let in again.
    chmodSync(copy, there.mode & 0o777)
    giveTo(copy, there)
    return { replaced: await owner.giveWay(copy, nameOf(at)), prepared }
  } finally {
    removeCopy(copy)
  }
}

async function restoreAnew<T>(place: string, make: Make<T>): Promise<Restored<T>> {
  for (const end of ['-wal', '-journal']) {
    const path = `${place}${end}`
    if (existsSync(path)) throw new BackupRefused(`${path} belongs to a database that is not there: move it away first`)
  }
  const copy = nameOfCopy(place, randomName())
  try {
    const prepared = await make(copy, undefined)
    giveTo(copy, statSync(dirname(place)))
    // Unlike a renaming this replaces nothing, if a service has started meanwhile and made a database.
    await onDisk(place, () => linkSync(copy, place))
    syncNames(place)
    return { place, replaced: undefined, prepared }
  } finally {
    removeCopy(copy)
  }
}

/** Opens a copy, does what is to be done to it, and leaves it in one file on the disk. */
async function prepare<T>(copy: string, source: string, open: Open, work: (db: Database) => Promise<T>): Promise<T> {
  const db = await openCopy(copy, source, open)
  let result: T
  try {
    result = await work(db)
  } finally {
    await db.close()
  }
  makeOneFile(copy)
  sync(copy)
  return result
}

async function copyBytes(source: string, copy: string, size: number, { tell, signal }: Copying): Promise<void> {
  let copied = 0
  const read = createReadStream(source, { highWaterMark: 1024 * 1024 })
  read.on('data', (chunk) => {
    copied += chunk.length
    tell(copied, size)
  })
  await pipeline(read, createWriteStream(copy, { flags: 'wx', mode: MODE }), { signal })
}

async function openCopy(copy: string, source: string, open: Open): Promise<Database> {
  try {
    return await open(copy)
  } catch (error) {
    throw error instanceof NotOurDatabase ? new BackupRefused(`${source}: ${error.message}`) : error
  }
}

async function refuseNoBackup(source: string): Promise<Stats> {
  const found = await findFile(source)
  if (found === undefined) throw new BackupRefused(`${source}: it is not there`)
  await refuseNoDatabase(source, found)
  // SQLite names them after the file that links lead to.
  const place = realpathSync(source)
  for (const beside of [`${place}-wal`, `${place}-journal`]) {
    const size = (await findFile(beside))?.size ?? 0
    if (size === 0) continue
    throw new BackupRefused(
      `${source}: a service has it open or was killed, for there is ${beside}: make a backup of it first, and restore that`,
    )
  }
  return found
}

/** Where root restores, the service stays the owner. Nobody else may give a file away. */
function giveTo(copy: string, { uid, gid }: Stats): void {
  try {
    chownSync(copy, uid, gid)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
  }
}

function randomName(): string {
  return randomBytes(4).toString('hex')
}

/** A time, in letters that every file system takes. */
function nameOf(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+/, '').replaceAll(/[-:]/g, '')
}
