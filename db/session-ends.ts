import type { Handle } from './database.ts'
import type { ExpiryLine } from './expired-sessions.ts'
import { hot } from './hot.ts'
import type { EndReason, Session } from './schema.ts'
import { unlocked } from './turns.ts'

/** Which of a user's sessions: all, one, or all but one. */
export type Which = 'all' | { readonly only: number } | { readonly except: number }

/** What the `sid` of a session is made of. */
type Sid = Pick<Session, 'id' | 'sid_secret'>

/**
 * Ends sessions of a user that have neither ended nor expired yet; resolves to those.
 *
 * @param line now, for what has expired
 * @param end when they end, in milliseconds since the epoch, and why
 */
export async function endSessions(
  db: Handle,
  userId: number,
  which: Which,
  { now, idleSince }: ExpiryLine,
  end: { readonly at: number; readonly reason: EndReason },
): Promise<Sid[]> {
  const all = db
    .updateTable('sessions')
    .set({ ended_at: end.at, end_reason: end.reason })
    .where('user_id', '=', userId)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', now)
    .where('refresh_exp', '>', idleSince)
    .returning(['id', 'sid_secret'])
  return (which === 'all' ? all : all.where('id', ...condition(which))).execute()
}

function condition(which: Exclude<Which, 'all'>): ['=' | '!=', number] {
  return 'only' in which ? ['=', which.only] : ['!=', which.except]
}

/** Deletes at most `limit` sessions that were ended before `before` (milliseconds since the epoch); resolves to how many. */
export async function deleteSessionsEndedBefore(db: Handle, before: number, limit: number): Promise<number> {
  const old = db.selectFrom('sessions').select('id').where('ended_at', '<', before).limit(limit)
  const { numDeletedRows } = await db.deleteFrom('sessions').where('id', 'in', unlocked(db, old)).executeTakeFirst()
  return Number(numDeletedRows)
}

interface Surplus {
  readonly userId: number
  readonly kept: number
  readonly limit: number
  /** Both together. */
  readonly most: number
}

// One statement, so that nobody has to wait for the count.
const trim = hot((db, value: Surplus) => {
  const ended = db.selectFrom('sessions').where('user_id', '=', value.userId).where('ended_at', 'is not', null)
  const surplus = ended.select(({ eb, fn }) =>
    eb
      .case()
      .when(fn.countAll<number>(), '>', value.most)
      .then(eb.val(value.limit))
      .when(fn.countAll<number>(), '>', value.kept)
      .then(eb(fn.countAll<number>(), '-', value.kept))
      .else(eb.lit(0))
      .end()
      .as('surplus'),
  )
  const oldest = ended.select('id').orderBy('ended_at').orderBy('id').limit(surplus.$asScalar())
  return db.deleteFrom('sessions').where('id', 'in', unlocked(db, oldest))
})

/** Deletes ended sessions of a user but the `kept` that ended last: the oldest first, and at most `limit`. */
export async function trimEndedSessions(db: Handle, userId: number, kept: number, limit: number): Promise<void> {
  await trim(db, { userId, kept, limit, most: kept + limit })
}
