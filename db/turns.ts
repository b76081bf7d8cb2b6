import type { SelectQueryBuilder } from 'kysely'
import type { Handle } from './database.ts'
import { adapterOf } from './dialect.ts'
import { hot } from './hot.ts'
import type { Tables } from './schema.ts'

// Where write jobs run side by side, these two are all that makes them wait for each other, besides the rows that they write. Both do
// nothing where writers are alone, as in SQLite. A job locks, and then reads what it decides by: what was read earlier may have been changed
// by whoever had the lock.
//
// A job that needs several locks takes them in this order: its turns, its user, its tallies in the order of their keys. Two that take them in
// different orders wait for each other until the database ends one of them.

/** What write jobs take turns at. */
export type Turn =
  /** To create users for others, to import them, and to change who may administer: comes before that at a name. */
  | 'administration'
  /** To register a name: a part of all folded names, so that these rows stay few. */
  | `names ${number}`
  /** To make, retire and remove signing keys. */
  | 'signing keys'
  /** To count refusals that are repeated. */
  | 'refusals'
  /** To try whether a write reaches the disk. */
  | 'health'

const turn = hot((db, value: { name: string }) =>
  db
    .insertInto('locks')
    .values({ name: value.name })
    // This update changes nothing but locks the row.
    .onConflict((conflict) => conflict.column('name').doUpdateSet((row) => ({ name: row.ref('excluded.name') }))),
)

/** Waits until no other transaction has this turn, and keeps it until the end of the transaction. */
export async function takeTurns(handle: Handle, name: Turn): Promise<void> {
  if (adapterOf(handle).hasParallelWriters) await turn(handle, { name })
}

// Not `for update`, for which those would wait who add a row that refers to the user. A statement of its own: one that also reads other rows
// would read them as they were before it waited.
const lock = hot((db, value: { id: number }) => db.selectFrom('users').select('id').where('id', '=', value.id).forNoKeyUpdate(), {
  isRead: false,
})

/**
 * Locks a user until the end of the transaction: to start a session, to change the password, to end several sessions, to disable and to
 * delete the user. Each relies on what the others change. Locks nothing where there is no such user.
 */
export async function lockUser(handle: Handle, userId: number): Promise<void> {
  if (adapterOf(handle).hasParallelWriters) await lock(handle, { id: userId })
}

/** The same for several users at once, in the order of their ids: two that lock the same ones cannot wait for each other. */
export async function lockUsers(handle: Handle, userIds: readonly number[]): Promise<void> {
  if (!adapterOf(handle).hasParallelWriters || userIds.length === 0) return
  await handle.selectFrom('users').select('id').where('id', 'in', userIds).orderBy('id').forNoKeyUpdate().execute()
}

/**
 * For rows that are to be deleted because they are old, in the order that the query says: those that another transaction has locked are left
 * out, and are found again the next time.
 *
 * They are looked for once, in a part of its own (`materialized`): a subquery that locks may be run again for each row of the outer query, as
 * the database plans it, and then finds the next rows, without regard to its limit.
 */
export function unlocked<Q extends Pick<SelectQueryBuilder<Tables, keyof Tables, object>, 'forUpdate' | 'skipLocked'>>(
  db: Handle,
  rows: Q,
): Q {
  if (!adapterOf(db).hasParallelWriters) return rows
  const locked = rows.forUpdate().skipLocked() as SelectQueryBuilder<Tables, keyof Tables, object>
  const once = db.with(
    (part) => part('old').materialized(),
    () => locked,
  )
  return once.selectFrom('old').selectAll() as unknown as Q
}
