import { createHash } from 'node:crypto'
import type { Handle } from '../../db/database.ts'
import type { Turn } from '../../db/turns.ts'
import { isNameOfAnother, isNameTaken, type Name } from '../../db/users.ts'
import { characterFaults } from '../characters.ts'
import { composed } from '../names.ts'
import { codePoints, fold, strip } from '../text.ts'

// What a new name must be, and that it is nobody's.

export const nameTaken = ['user login with this username already exists.']
/** In bytes of UTF-8. Some characters fold to eighteen, and the folded name stands in an index. */
const NAME_KEY_BYTES = 1024
const nameKeyTooLong = ['This username takes too much space in its compatibility form.']
/** In code points. */
const NAME_MAX_LENGTH = 200
/** Names that are the same share a number, and few others do: each has a row, which stays. */
const NAME_SHARES = 1024

/** A new name as it is stored: without the white space around it, in NFC. */
export function newName(typed: string): string {
  return composed(strip(typed))
}

/** What is wrong with a new name in itself, as the schema of the API says it, too; empty when nothing is. */
export function nameShapeFaults(name: string): string[] {
  if (name === '') return ['This field may not be blank.']
  const isLong = codePoints(name) > NAME_MAX_LENGTH
  return [...(isLong ? [`Ensure this field has no more than ${NAME_MAX_LENGTH} characters.`] : []), ...characterFaults(name, 'new-name')]
}

/**
 * What is wrong with a new name that is in shape; empty when nothing is.
 *
 * @param userId of the user who has it from now on, if there is one
 */
export async function nameKeyFaults(db: Handle, name: Name, userId?: number): Promise<string[]> {
  if (Buffer.byteLength(name.username_key) > NAME_KEY_BYTES) return nameKeyTooLong
  const isTaken = await (userId === undefined ? isNameTaken(db, name) : isNameOfAnother(db, userId, name))
  return isTaken ? nameTaken : []
}

/** All that is wrong with a new name. */
export async function nameFaults(db: Handle, name: string): Promise<string[]> {
  const faults = nameShapeFaults(name)
  return faults.length > 0 ? faults : nameKeyFaults(db, { username: name, username_key: fold(name) })
}

/** The turn of those who take names with this folded name. */
export function turnAt(usernameKey: string): Turn {
  return `names ${createHash('sha256').update(usernameKey).digest().readUInt16BE() % NAME_SHARES}`
}
