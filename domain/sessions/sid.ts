import { randomBytes } from 'node:crypto'
import type { Handle } from '../../db/database.ts'
import type { Session } from '../../db/schema.ts'
import { findUserAndSession, type UserAndSession } from '../../db/sessions.ts'
import type { Claims } from '../tokens/claims.ts'

// The `sid` claim names a session: `<id of its row>-<22 characters of base64url>`. After the restore of an older backup the ids of rows
// are given again; the random part is not, so a token of before never means somebody else's session. Sessions that began before it
// was added have the id alone.

const SID = /^([1-9]\d{0,15})(?:-([\w-]{22}))?$/

/** A session's row, and the random part that it must have; null for a session that has none. */
interface SidParts {
  readonly id: number
  readonly secret: string | null
}

/** The random part of a new session's `sid`: 128 bits. */
export function newSidSecret(): string {
  return randomBytes(16).toString('base64url')
}

/** The `sid` of a session. */
export function sidOf({ id, sid_secret }: Pick<Session, 'id' | 'sid_secret'>): string {
  return sid_secret === null ? String(id) : `${id}-${sid_secret}`
}

/** What a `sid` says; undefined for a text that is none. */
export function parseSid(sid: string): SidParts | undefined {
  const [, id, secret = null] = SID.exec(sid) ?? []
  return id === undefined ? undefined : { id: Number(id), secret }
}

/**
 * The user of a token and its session, or undefined when there is no such user. `session` is undefined when the row is gone, belongs to
 * another user, or is another session that was given the same id.
 */
export async function findBySid(handle: Handle, { user_id, sid }: Pick<Claims, 'user_id' | 'sid'>): Promise<UserAndSession | undefined> {
  const { id, secret } = parseSid(sid) as SidParts
  const found = await findUserAndSession(handle, user_id, id)
  return found?.session === undefined || found.session.sid_secret === secret ? found : { ...found, session: undefined }
}
