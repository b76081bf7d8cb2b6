import { createHash } from 'node:crypto'
import { invalidFields, type Problem } from './errors.ts'

// Where a list goes on. A cursor has a checksum over its place and the filters of its list, so that one of another list, cut or changed, is
// refused. It is no secret and no signature: whoever makes one up sees what the list shows anyway.

const CHECKSUM_BYTES = 9

/** @param list names the list and its filters @param place that of the last row that was shown */
export function cursorOf(list: string, place: readonly (string | number)[]): string {
  const text = Buffer.from(JSON.stringify(place))
  return Buffer.concat([checksum(list, text), text]).toString('base64url')
}

/** The place of a cursor. @throws {Problem} `invalid` for what is no cursor of this list */
export function placeOf(list: string, cursor: string): readonly unknown[] {
  const bytes = Buffer.from(cursor, 'base64url')
  const text = bytes.subarray(CHECKSUM_BYTES)
  // The decoder passes over what is not base64url.
  const isWhole = bytes.toString('base64url') === cursor && checksum(list, text).equals(bytes.subarray(0, CHECKSUM_BYTES))
  const place = isWhole ? parsed(text) : undefined
  if (!Array.isArray(place)) throw invalidCursor()
  return place
}

/** In the words of Django REST framework. */
export function invalidCursor(): Problem {
  return invalidFields({ cursor: ['Invalid cursor'] })
}

function checksum(list: string, text: Buffer): Buffer {
  return createHash('sha256').update(`${list}\0`).update(text).digest().subarray(0, CHECKSUM_BYTES)
}

function parsed(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString())
  } catch {
    return undefined
  }
}
