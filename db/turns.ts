import type { Handle } from './database.ts'
import { adapterOf } from './dialect.ts'

/**
 * What write jobs take turns at. A job that takes several takes them in the order of this list: two that take them in different orders
 * wait for each other for ever.
 */
export type Turn =
  /** To register a name: by `username_key`, which is not unique in the table. */
  | `name ${string}`
  /** To start a session, change the password, disable or delete the user: each relies on what the others change. */
  | `user ${number}`
  /** To give a session its next refresh token: of two requests with the same token, one rotates it and the other finds it replaced. */
  | `session ${string}`
  /** To forget the addresses of a user that are too many. */
  | `addresses of user ${number}`
  /** To make, retire and remove signing keys. */
  | 'signing keys'
  /** To count refusals that are repeated. */
  | 'refusals'

/**
 * Waits until no other transaction has this turn, and keeps it until the end of the transaction. It does nothing where writers are alone,
 * as in SQLite.
 *
 * A job takes its turn before it reads what it decides by: what was read earlier may have been changed by whoever had the turn.
 */
export async function takeTurn(handle: Handle, turn: Turn): Promise<void> {
  await adapterOf(handle).takeTurn?.(handle, turn)
}
