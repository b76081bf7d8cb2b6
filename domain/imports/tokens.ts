import type { Handle } from '../../db/database.ts'
import { findUsersByIds } from '../../db/imported-users.ts'
import { type DeadToken, insertDeadTokens } from '../../db/legacy-tokens.ts'
import { lockUsers } from '../../db/turns.ts'
import type { Core } from '../context.ts'
import { noOrigin } from '../events/record.ts'
import { endingNow, endSessions } from '../sessions/ends.ts'
import { isStorable } from '../text.ts'
import type { SourceToken } from './source.ts'
import type { ReadTime } from './times.ts'

/** As Simple JWT's table has it. */
const JTI_MAX_LENGTH = 255

/** Those tokens that still have to be refused. One of which it cannot be told when it expires has expired. */
export function deadTokensOf(tokens: readonly SourceToken[], readTime: ReadTime, now: number): DeadToken[] {
  return tokens.flatMap(({ jti, userId, expiresAt }) => {
    const expires_at = expiresAt === null ? undefined : readTime(expiresAt)
    if (jti === null || jti === '' || jti.length > JTI_MAX_LENGTH || !isStorable(jti)) return []
    if (expires_at === undefined || expires_at <= now) return []
    const user_id = Number(userId)
    return Number.isSafeInteger(user_id) && user_id > 0 ? [{ jti, user_id, expires_at }] : []
  })
}

/**
 * Notes tokens that were revoked there, of users who came from there. One that has become a session here ends it: whoever logs out there is
 * logged out here.
 *
 * @returns how many are dead
 */
export async function killTokens(handle: Handle, core: Core, tokens: readonly DeadToken[]): Promise<number> {
  const owners = [...new Set(tokens.map(({ user_id }) => user_id))]
  await lockUsers(handle, owners)
  const users = new Map((await findUsersByIds(handle, owners)).filter((user) => user.imported_at !== null).map((user) => [user.id, user]))
  const dead = tokens.filter(({ user_id }) => users.has(user_id))
  for (const { user_id, session_id } of await insertDeadTokens(handle, dead)) {
    const owner = users.get(user_id)
    if (owner === undefined || session_id === null) continue
    await endSessions(handle, owner, { only: session_id }, endingNow(core, noOrigin, 'logout'))
  }
  return dead.length
}
