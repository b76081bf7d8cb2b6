import type { Handle } from '../db/database.ts'
import type { User } from '../db/schema.ts'
import { findUsersByNames } from '../db/users.ts'
import { isStorable } from './text.ts'

// The same name comes in several forms: most keyboards send an é as one character, some file names and older systems as two.

/**
 * In UTF-16 units. A longer text is nobody's name in any form: names have up to 254 characters, which decompose into four at most, of two
 * units each.
 */
const COMPOSABLE_LENGTH = 2048

/**
 * A username in NFC (Unicode Standard Annex #15), in which new ones are stored. A text that is too long for any username is returned as it
 * is: composing takes a time that grows with the square of the length.
 */
export function composed(username: string): string {
  return username.length > COMPOSABLE_LENGTH ? username : username.normalize('NFC')
}

/**
 * The user whom a name means: the one of exactly this name, else the only one whose name is the same in NFC. Where several are, it means
 * nobody, for it cannot be told which.
 *
 * @param username as it was typed, without the white space around it
 * @throws {DatabaseUnavailable}
 */
export async function findUserNamed(db: Handle, username: string): Promise<User | undefined> {
  if (!isStorable(username)) return undefined
  const users = await findUsersByNames(db, username, composed(username))
  return users.find((user) => user.username === username) ?? (users.length === 1 ? users[0] : undefined)
}
