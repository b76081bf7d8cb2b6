import type { ExpressionBuilder } from 'kysely'
import type { Handle } from './database.ts'
import { adapterOf } from './dialect.ts'
import type { ExpiryLine } from './expired-sessions.ts'
import { highestId, numberedTables } from './moving/rows.ts'
import type { Session, Tables } from './schema.ts'

// What is done to a database that was restored. Nobody else should work on it meanwhile.

/** Waits until nobody writes what is going to change, and lets nobody. After the turns, before all rows. */
export async function lockRestored(handle: Handle): Promise<void> {
  await adapterOf(handle).lockTables?.(handle, ['users', 'sessions', 'auth_events', 'signing_keys'])
}

/**
 * Ends the sessions of all users that have neither ended nor expired, each with its event.
 *
 * @param line now, for what has expired
 * @param at when they end, in milliseconds since the epoch
 * @returns how many they were
 */
export async function endEverySession(db: Handle, line: ExpiryLine, at: number): Promise<number> {
  await insertEnds(db, line, at)
  const ended = db.updateTable('sessions').set({ ended_at: at, end_reason: 'restored' }).where(isLive(line))
  return Number((await ended.executeTakeFirst()).numUpdatedRows)
}

/** Revokes the legacy tokens of all users, in milliseconds since the epoch: what became of them after the backup is not in it. */
export async function revokeEveryLegacyToken(db: Handle, at: number): Promise<void> {
  await db
    .updateTable('users')
    .set({ tokens_revoked_at: at })
    .where('imported_at', 'is not', null)
    // As in `noteRevocation`.
    .where((where) => where.or([where('tokens_revoked_at', 'is', null), where('tokens_revoked_at', '<', at)]))
    .execute()
}

async function insertEnds(db: Handle, line: ExpiryLine, at: number): Promise<void> {
  const ends = db
    .selectFrom('sessions')
    .innerJoin('users', 'users.id', 'sessions.user_id')
    .where(isLive(line))
    .select((eb) => [
      eb.cast<number>(eb.val(at), 'bigint').as('at'),
      eb.cast<number>(eb.val(at), 'bigint').as('last_at'),
      eb.cast<'session_ended'>(eb.val('session_ended'), 'text').as('kind'),
      eb.cast<string>(eb.val('restored'), 'text').as('reason'),
      'sessions.user_id',
      'users.username',
      sidOf(eb).as('session_id'),
    ])
  await db
    .insertInto('auth_events')
    .columns(['at', 'last_at', 'kind', 'reason', 'user_id', 'username', 'session_id'])
    .expression(ends)
    .execute()
}

/** As `sidOf` of domain/sessions/sid.ts. */
function sidOf(eb: ExpressionBuilder<{ sessions: Session }, 'sessions'>) {
  const id = eb.cast<string>('sessions.id', 'text')
  const whole = eb(eb(id, '||', '-'), '||', eb.ref('sessions.sid_secret'))
  return eb.case().when('sessions.sid_secret', 'is', null).then(id).else(whole).end()
}

function isLive({ now, idleSince }: ExpiryLine) {
  return (eb: ExpressionBuilder<Tables, 'sessions'>) =>
    eb.and([eb('sessions.ended_at', 'is', null), eb('sessions.expires_at', '>', now), eb('sessions.refresh_exp', '>', idleSince)])
}

/**
 * Lets ids go on where none of the lost time can come again.
 *
 * @param by how many ids may have been given since the backup
 * @param lost the highest ids that are known to have been given
 * @returns the next id of each table
 */
export async function raiseIds(db: Handle, by: number, lost: Readonly<Record<string, number>>): Promise<Record<string, number>> {
  const next: Record<string, number> = {}
  for (const table of numberedTables) {
    const last = Math.max(await adapterOf(db).lastIdOf(db, table), await highestId(db, table))
    const raised = Math.max(last + by, lost[table] ?? 0)
    await adapterOf(db).setLastId(db, table, raised)
    next[table] = raised + 1
  }
  return next
}
