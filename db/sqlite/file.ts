import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseUnavailable } from '../errors.ts'

export const IN_MEMORY = ':memory:'

/** The path that a URL names, or `:memory:`; undefined for a URL of another dialect. */
export function fileOf(url: string): string | undefined {
  if (url === IN_MEMORY) return url
  return /^file:./.test(url) ? url.slice('file:'.length).replace(/^\/\/(?=\/)/, '') : undefined
}

/** @throws {DatabaseUnavailable} when a folder on the way to it may not be searched */
export function isThere(file: string): boolean {
  return onDisk(() => statSync(file, { throwIfNoEntry: false })) !== undefined
}

/** Makes the folder of a file. @throws {DatabaseUnavailable} when it cannot be made */
export function makeFolderOf(file: string): void {
  onDisk(() => makeFolder(dirname(file)))
}

/** One folder at a time: Node's own recursion never ends where a file system refuses a folder as if its parent were missing. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    // Another process that starts at the same time was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function onDisk<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new DatabaseUnavailable((error as Error).message, { cause: error })
  }
}
