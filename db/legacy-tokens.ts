import type { Handle } from './database.ts'
import { hot } from './hot.ts'
import type { LegacyToken } from './schema.ts'
import { unlocked } from './turns.ts'

/** A token of the system that users came from, which is refused until it has expired. */
export type DeadToken = Omit<LegacyToken, 'session_id'>

const byJti = hot((db, value: { jti: string }) => db.selectFrom('legacy_tokens').selectAll().where('jti', '=', value.jti))

/** What is known of a token; undefined for one that was neither used nor revoked. */
export async function findLegacyToken(db: Handle, jti: string): Promise<LegacyToken | undefined> {
  return (await byJti(db, { jti })).rows[0]
}

const insert = hot((db, value: DeadToken) =>
  db
    .insertInto('legacy_tokens')
    .values({ jti: value.jti, user_id: value.user_id, session_id: null, expires_at: value.expires_at })
    .onConflict((conflict) => conflict.column('jti').doNothing())
    .returning('jti'),
)

/** Adds a token, dead until it is given a session. Resolves to false when it is there already; then nothing is changed. */
export async function insertLegacyToken(db: Handle, token: DeadToken): Promise<boolean> {
  return (await insert(db, token)).rows.length > 0
}

const give = hot((db, value: { jti: string; sessionId: number }) =>
  db.updateTable('legacy_tokens').set({ session_id: value.sessionId }).where('jti', '=', value.jti),
)

/** Notes which session a refresh token has become. */
export async function giveSession(db: Handle, jti: string, sessionId: number): Promise<void> {
  await give(db, { jti, sessionId })
}

/**
 * Adds dead tokens, some hundred at a time. What is there already is left as it is.
 *
 * @returns those that were there, and are sessions
 */
export async function insertDeadTokens(db: Handle, tokens: readonly DeadToken[]): Promise<LegacyToken[]> {
  if (tokens.length === 0) return []
  await db
    .insertInto('legacy_tokens')
    .values(tokens.map((token) => ({ ...token, session_id: null })))
    .onConflict((conflict) => conflict.column('jti').doNothing())
    .execute()
  const jtis = tokens.map(({ jti }) => jti)
  return db.selectFrom('legacy_tokens').selectAll().where('jti', 'in', jtis).where('session_id', 'is not', null).execute()
}

/** Deletes at most `limit` tokens that expired before `before` (milliseconds since the epoch); resolves to how many. */
export async function deleteLegacyTokensExpiredBefore(db: Handle, before: number, limit: number): Promise<number> {
  const old = db.selectFrom('legacy_tokens').select('jti').where('expires_at', '<', before).orderBy('expires_at').limit(limit)
  const { numDeletedRows } = await db.deleteFrom('legacy_tokens').where('jti', 'in', unlocked(db, old)).executeTakeFirst()
  return Number(numDeletedRows)
}
