import type { Handle } from './database.ts'
import { hot } from './hot.ts'
import type { Tally } from './schema.ts'
import { unlocked } from './turns.ts'

const byKey = hot((db, value: { key: string }) => db.selectFrom('tallies').selectAll().where('key', '=', value.key))

/** The tally of a key, not locked; also one that has expired. */
export async function findTally(db: Handle, key: string): Promise<Tally | undefined> {
  return (await byKey(db, { key })).rows[0]
}

const lock = hot((db, value: { key: string }) =>
  db
    .insertInto('tallies')
    .values({
      key: value.key,
      count: 0,
      in_flight: 0,
      in_flight_until: 0,
      next_at: 0,
      since: 0,
      expires_at: 0,
    })
    // This update changes nothing but locks the row: where transactions run side by side, those with the same key wait for each other.
    .onConflict((conflict) => conflict.column('key').doUpdateSet((row) => ({ count: row.ref('tallies.count') })))
    .returningAll(),
)

/** The tally of a key, locked until the end of the transaction. When there is none, one is inserted, which has expired already. */
export async function lockTally(db: Handle, key: string): Promise<Tally> {
  return (await lock(db, { key })).rows[0] as Tally
}

const save = hot((db, value: Tally) =>
  db
    .updateTable('tallies')
    .set({
      count: value.count,
      in_flight: value.in_flight,
      in_flight_until: value.in_flight_until,
      next_at: value.next_at,
      since: value.since,
      expires_at: value.expires_at,
    })
    .where('key', '=', value.key),
)

/** Writes a tally that was locked. */
export async function saveTally(db: Handle, tally: Tally): Promise<void> {
  await save(db, tally)
}

type Counts = Pick<Tally, 'key' | 'count' | 'in_flight' | 'next_at'>

const saveCounts = hot((db, value: Counts) =>
  db.updateTable('tallies').set({ count: value.count, in_flight: value.in_flight, next_at: value.next_at }).where('key', '=', value.key),
)

const remove = hot((db, value: { key: string }) => db.deleteFrom('tallies').where('key', '=', value.key))

/** Writes what an outcome changes of a locked tally: columns without an index, which is cheaper. A tally that counts nothing is deleted. */
export async function saveOutcome(db: Handle, { key, count, in_flight, next_at }: Tally): Promise<void> {
  if (count > 0) await saveCounts(db, { key, count, in_flight, next_at })
  else await remove(db, { key })
}

/** Deletes at most `limit` tallies that expired before `before` (milliseconds since the epoch); resolves to how many. */
export async function deleteTalliesExpiredBefore(db: Handle, before: number, limit: number): Promise<number> {
  const old = db.selectFrom('tallies').select('key').where('expires_at', '<', before).limit(limit)
  // The condition is repeated for tallies that another transaction starts again between the look-up and the deletion.
  const { numDeletedRows } = await db
    .deleteFrom('tallies')
    .where('key', 'in', unlocked(db, old))
    .where('expires_at', '<', before)
    .executeTakeFirst()
  return Number(numDeletedRows)
}
