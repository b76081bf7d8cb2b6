import { DatabaseError } from '../errors.ts'

/** Nothing is moved, for a reason that the operator can mend. */
export class MoveRefused extends Error {}

export type Side = 'source' | 'target'

/** A failure of one of the two databases, which is the `cause`. */
export class MoveFailure extends Error {
  readonly side: Side

  constructor(side: Side, cause: DatabaseError) {
    super(cause.message, { cause })
    this.side = side
  }
}

/** Does some work on a database, and marks its failures as of this one. What is marked already stays so. */
export async function on<T>(side: Side, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof DatabaseError ? new MoveFailure(side, error) : error
  }
}
