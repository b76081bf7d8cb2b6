import { type BigIntStats, realpathSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseLost, DatabaseUnavailable } from '../errors.ts'
import { describe, filesOf } from './fault.ts'

/** Between two looks at what seems to be another file. */
const LOOK_AGAIN_MS = 200
/** So many looks that see another file each are no replacement: the numbers of this file system mean nothing. */
const LOOKS = 4

/** A file by what its file system calls it. */
type Identity = Pick<BigIntStats, 'dev' | 'ino' | 'birthtimeNs'>

interface Options {
  /** Between two looks, in milliseconds. */
  readonly lookAgainMs?: number
  /** What is at a path now: undefined when nothing is. */
  readonly stat?: (path: string) => Identity | undefined
}

interface Opened {
  readonly path: string
  readonly identity: Identity
}

/** What is at the path of an opened file: nothing, or another file, by its numbers. */
interface Change {
  readonly path: string
  readonly found: 'nothing' | string
}

/**
 * The files of an open database. SQLite works on with files that were deleted, moved or replaced, as the system lets it: what it writes is
 * then gone with the process, and another process works on other files. So whoever reads or writes asks here first.
 *
 * That a file was overwritten in place cannot be seen: it is the same file.
 */
export class OpenedFiles {
  /** The path of the database, without symbolic links. */
  readonly place: string
  readonly #opened: readonly Opened[]
  readonly #lookAgainMs: number
  readonly #stat: NonNullable<Options['stat']>
  #loss: DatabaseLost | undefined
  #looking: Promise<void> | undefined
  /** False where the file system gives a file other numbers all the time. */
  #isNumbered = true

  /** @param file the path of a database that has just been opened, and read */
  constructor(file: string, { lookAgainMs = LOOK_AGAIN_MS, stat = statNow }: Options = {}) {
    this.place = realpathSync(file)
    // SQLite names the other two after the file that links lead to.
    const [, log, shared] = filesOf(this.place)
    this.#opened = [file, log, shared].flatMap((path) => {
      const identity = stat(path)
      return identity === undefined ? [] : [{ path, identity }]
    })
    this.#lookAgainMs = lookAgainMs
    this.#stat = stat
  }

  /** Whether they were found to be lost. */
  get isLost(): boolean {
    return this.#loss !== undefined
  }

  /** @throws {DatabaseLost} once they are lost, until the process ends */
  guard(): void {
    if (this.#loss) throw this.#loss
  }

  /**
   * Asks after a commit whether it went to where a restart will look for it; to be asked before the answer goes out. It costs some
   * microseconds.
   *
   * @throws {DatabaseUnavailable} when it did not, or may not have
   */
  confirm(): void {
    this.guard()
    const change = this.#change()
    if (change) throw new DatabaseUnavailable(said(change))
  }

  /**
   * Looks whether they are in their place, twice before it says no. Those who ask meanwhile share the answer.
   *
   * @throws {DatabaseLost} when they are not, and from then on always, also when they come back: others may have written them meanwhile
   */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #look(): Promise<void> {
    this.guard()
    let before = this.#change()
    for (let looks = 1; before !== undefined && looks < LOOKS; looks++) {
      await sleep(this.#lookAgainMs)
      const now = this.#change()
      if (now?.path === before.path && now.found === before.found) this.#lose(now)
      before = now
    }
    if (before !== undefined) this.#isNumbered = false
  }

  #lose(change: Change): never {
    this.#loss = new DatabaseLost(
      said(change),
      'Nothing is read or written any more until the service is restarted: stop it, put the database back or restore a backup, and start it',
    )
    throw this.#loss
  }

  /** The first that is not in its place. One that cannot be looked at counts as there: `complaint` says so. */
  #change(): Change | undefined {
    for (const { path, identity } of this.#opened) {
      const found = this.#find(path, identity)
      if (found !== undefined) return { path, found }
    }
    return undefined
  }

  #find(path: string, identity: Identity): Change['found'] | undefined {
    try {
      const now = this.#stat(path)
      if (now === undefined) return 'nothing'
      return isSame(identity, now) || !this.#isNumbered ? undefined : `${now.dev}:${now.ino}`
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ELOOP' ? 'nothing' : undefined
    }
  }

  /** Why one of them cannot be looked at, if that is so: nobody then knows whether it is in its place. */
  get complaint(): string | undefined {
    for (const { path } of this.#opened) {
      try {
        this.#stat(path)
      } catch (error) {
        return describe(path, (error as NodeJS.ErrnoException).code as string)
      }
    }
    return undefined
  }
}

function statNow(path: string): Identity | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })
}

/**
 * A file that was born at the same instant is the same, though a network file system may number it anew. Not so on Windows, which gives a
 * file the birth of the one that had its name before; but it lets nobody delete or replace a file that is open.
 */
function isSame(one: Identity, other: Identity): boolean {
  if (one.dev !== other.dev) return false
  return one.ino === other.ino || (process.platform !== 'win32' && one.birthtimeNs > 0n && one.birthtimeNs === other.birthtimeNs)
}

function said({ path, found }: Change): string {
  return found === 'nothing'
    ? `${path} was deleted or moved while the database was open`
    : `${path} was replaced by another file while the database was open`
}
