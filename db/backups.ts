import type { Database } from './database.ts'

/** Nothing is copied or replaced, for a reason that the operator can mend. */
export class BackupRefused extends Error {}

/** Is told how many of how many bytes are copied. */
export type Tell = (bytes: number, of: number) => void

/** How a copy is made. */
export interface Copying {
  readonly tell: Tell
  /** Ends the copying, and leaves nothing. */
  readonly signal: AbortSignal
}

export interface BackingUp extends Copying {
  /** Whether a file of this name may be replaced. */
  readonly isReplacing: boolean
}

/** The highest ids that a database has given, by table. */
export type LastIds = Readonly<Record<string, number>>

export interface Restoring<T> extends Copying {
  /** When it is, in milliseconds since the epoch: the database that is replaced is named after it. */
  readonly at: number
  /**
   * Makes of the copy, which is up to date and in nobody's use, what takes the place of the database.
   *
   * @param lastIds of the database that is replaced; undefined where there is none, or they cannot be read
   */
  prepare(copy: Database, lastIds: LastIds | undefined): Promise<T>
}

export interface Restored<T> {
  /** The file that the restored database is now. */
  readonly place: string
  /** Where the database that was replaced is; undefined when there was none. */
  readonly replaced: string | undefined
  readonly prepared: T
}
