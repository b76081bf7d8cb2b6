import { accessSync, constants, lstatSync, readlinkSync, type Stats, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseLost, DatabaseUnavailable } from '../errors.ts'

/** What keeps a file from being used, in words, by the code of the system (`errno(3)`) or of SQLite (without what follows its second `_`). */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not use it',
  EDQUOT: 'the quota of this user is used up',
  EIO: 'the disk fails',
  EISDIR: 'it is a folder, not a file',
  ELOOP: 'symbolic links lead in a circle',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'it is not there',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EPERM: 'the system lets nobody write it',
  EROFS: 'the file system is mounted read-only',
  ESTALE: 'the network file system does not know it any more',
  SQLITE_BUSY: 'another process keeps it locked',
  SQLITE_CANTOPEN: 'it cannot be opened',
  SQLITE_CORRUPT: 'it is damaged',
  SQLITE_FULL: 'the disk is full',
  SQLITE_IOERR: 'the disk or its file system fails',
  SQLITE_LOCKED: 'another process keeps it locked',
  SQLITE_NOTADB: 'it is no SQLite database',
  SQLITE_READONLY: 'it cannot be written',
}

/** The codes behind which there are many causes; the others say theirs. */
const VAGUE = /^(EEXIST$|SQLITE_(CANTOPEN|READONLY|IOERR|PERM|AUTH))/

/** Its free space below which a file system is full, in bytes: a login writes some pages of 4 KiB. */
const ROOM_BYTES = 256 * 1024

/** The files that SQLite works with: the database, its write-ahead log, and what processes share of it. */
export function filesOf(file: string): [string, string, string] {
  return [file, `${file}-wal`, `${file}-shm`]
}

/** The failure with the path and the cause in words, for the operator; what is no failure of the database stays as it is. */
export function inWords(file: string, error: unknown): unknown {
  if (!(error instanceof DatabaseUnavailable) || error instanceof DatabaseLost) return error
  const cause = error.cause as (NodeJS.ErrnoException & { code: string }) | undefined
  if (cause?.code === undefined) return error
  const { code } = cause
  const obstacle = VAGUE.test(code) ? (obstacleOf(file) ?? lackOfRoom(file)) : undefined
  const says = code.startsWith('SQLITE_') ? `; SQLite says ${code}` : ''
  if (obstacle !== undefined) return new DatabaseUnavailable(`${obstacle}${says}`, { cause })
  return new DatabaseUnavailable(cause.path === undefined ? describeFailure(file, cause) : describe(cause.path, code, cause.message), {
    cause,
  })
}

/** A database, and what keeps it from being used, as far as SQLite says it. */
export function describeFailure(file: string, { code, message }: { readonly code: string; readonly message: string }): string {
  // What it sorts, and what it may have to undo, SQLite keeps in temporary files, and does not say which disk it was.
  const mayBeOther = code === 'SQLITE_FULL' && !isDiskFull(file)
  return mayBeOther
    ? `${file}: its disk is full, or that of temporary files, which SQLITE_TMPDIR names (${code})`
    : describe(file, code, message)
}

/** A path, and what keeps it from being used. @param otherwise what is said of a code that has no words */
export function describe(path: string, code: string, otherwise = code): string {
  const words = WORDS[code] ?? WORDS[code.split('_', 2).join('_')] ?? otherwise
  return `${path}: ${words} (${code})`
}

/** Whether the disk of a file has no room for further writes; false where the file system does not say. */
export function isDiskFull(file: string): boolean {
  try {
    const { blocks, bavail, bsize } = statfsSync(dirname(file))
    return blocks > 0 && bavail * bsize < ROOM_BYTES
  } catch {
    return false
  }
}

function lackOfRoom(file: string): string | undefined {
  return isDiskFull(file) ? describe(file, 'ENOSPC') : undefined
}

/** Says of what is no file what it is. */
export function noFile(path: string, found: Stats): string {
  return found.isDirectory() ? describe(path, 'EISDIR') : `${path}: it is a device, a pipe or a socket, not a file`
}

/** What is in the way of opening and writing a database, if this can be seen: its folder first, then its files. */
function obstacleOf(file: string): string | undefined {
  return (
    obstacleOfFolder(dirname(file)) ??
    filesOf(file).map(obstacleOfFile).find(Boolean) ??
    refusal(dirname(file), constants.W_OK | constants.X_OK)
  )
}

function obstacleOfFolder(path: string): string | undefined {
  const found = look(path)
  if (typeof found === 'string') return found
  if (found === undefined) return missing(path)
  return found.isDirectory() ? undefined : describe(path, 'ENOTDIR')
}

function obstacleOfFile(path: string): string | undefined {
  const found = look(path)
  if (typeof found === 'string') return found
  if (found === undefined) return isLink(path) ? missing(path) : undefined
  return found.isFile() ? refusal(path, constants.R_OK | constants.W_OK) : noFile(path, found)
}

function look(path: string): Stats | string | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    return describe(path, (error as NodeJS.ErrnoException).code as string)
  }
}

function missing(path: string): string {
  return isLink(path) ? `${path}: it is a symbolic link to ${readlinkSync(path)}, which is not there` : describe(path, 'ENOENT')
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
}

/** Asks the system itself, which knows of users, of read-only mounts and of files that nobody may change. */
function refusal(path: string, mode: number): string | undefined {
  try {
    accessSync(path, mode)
    return undefined
  } catch (error) {
    return describe(path, (error as NodeJS.ErrnoException).code as string)
  }
}
