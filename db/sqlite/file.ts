import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseUnavailable } from '../errors.ts'
import { inWords, noFile } from './fault.ts'

export const IN_MEMORY = ':memory:'

/** The path that a URL names, or `:memory:`; undefined for a URL of another dialect. */
export function fileOf(url: string): string | undefined {
  if (url === IN_MEMORY) return url
  // SQLite would leave out white space around a path, and so use another file than the one that is looked after.
  return /^file:\S(.*\S)?$/s.test(url) ? url.slice('file:'.length).replace(/^\/\/(?=\/)/, '') : undefined
}

/** @throws {DatabaseUnavailable} when a folder on the way to it may not be searched */
export function isThere(file: string): boolean {
  return onDisk(file, () => statSync(file, { throwIfNoEntry: false })) !== undefined
}

/** Makes the folder of a file. @throws {DatabaseUnavailable} when it cannot be made */
export function makeFolderOf(file: string): void {
  onDisk(file, () => makeFolder(dirname(file)))
}

/** Refuses what is there and no file, before SQLite opens it: it would wait for the other end of a pipe. @throws {DatabaseUnavailable} */
export function refuseNoFile(file: string): void {
  const found = onDisk(file, () => statSync(file, { throwIfNoEntry: false }))
  if (found !== undefined && !found.isFile()) throw new DatabaseUnavailable(noFile(file, found))
}

/** One folder at a time: Node's own recursion never ends where a file system refuses a folder as if its parent were missing. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    // Another process that starts at the same time was faster, or a symbolic link to nowhere has this name.
    if (!existsSync(path)) throw error
  }
}

function onDisk<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw inWords(file, new DatabaseUnavailable((error as Error).message, { cause: error }))
  }
}
