import type { Handle } from './database.ts'
import { hot } from './hot.ts'
import type { LanePlace } from './schema.ts'
import { unlocked } from './turns.ts'

/** Whose place in which lane. */
export type PlaceKey = Pick<LanePlace, 'lane' | 'party' | 'member'>

const byKey = hot((db, value: PlaceKey) =>
  db
    .selectFrom('lane_places')
    .selectAll()
    .where('lane', '=', value.lane)
    .where('party', '=', value.party)
    .where('member', '=', value.member),
)

/** A member's place, also one that was used or has expired. */
export async function findPlace(db: Handle, { lane, party, member }: PlaceKey): Promise<LanePlace | undefined> {
  return (await byKey(db, { lane, party, member })).rows[0]
}

const ahead = hot((db, value: { lane: string; now: number }) =>
  db
    .selectFrom('lane_places')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('lane', '=', value.lane)
    .where('at', '>', value.now),
)

/** How many turns of a lane are still to come. `now` in milliseconds since the epoch, as all instants here. */
export async function countPlacesAfter(db: Handle, lane: string, now: number): Promise<number> {
  return Number((await ahead(db, { lane, now })).rows[0]?.count ?? 0)
}

const last = hot((db, value: { lane: string; until: number }) =>
  db.selectFrom('lane_places').select('at').where('lane', '=', value.lane).where('at', '<=', value.until).orderBy('at', 'desc').limit(1),
)

/** When the last turn of a lane is that is not after `until`; undefined when there is none. */
export async function lastPlaceUntil(db: Handle, lane: string, until: number): Promise<number | undefined> {
  return (await last(db, { lane, until })).rows[0]?.at ?? undefined
}

/** How many turns of a lane may still be taken at `now`, also those to come. */
export async function countTurns(db: Handle, lane: string, now: number): Promise<number> {
  return count(db, lane, now, 'is not')
}

/** How many of a lane wait at `now` for their party's turns. */
export async function countWaiting(db: Handle, lane: string, now: number): Promise<number> {
  return count(db, lane, now, 'is')
}

async function count(db: Handle, lane: string, now: number, operator: 'is' | 'is not'): Promise<number> {
  const { count } = await db
    .selectFrom('lane_places')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('lane', '=', lane)
    .where('at', operator, null)
    .where('is_used', '=', 0)
    .where('expires_at', '>', now)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** The party of which most wait at `now`, and how many. */
export async function largestWaiting(db: Handle, lane: string, now: number): Promise<{ party: string; count: number } | undefined> {
  const largest = await db
    .selectFrom('lane_places')
    .select((select) => ['party', select.fn.countAll<number>().as('count')])
    .where('lane', '=', lane)
    .where('at', 'is', null)
    .where('expires_at', '>', now)
    .groupBy('party')
    .orderBy('count', 'desc')
    .orderBy('party')
    .limit(1)
    .executeTakeFirst()
  return largest && { party: largest.party, count: Number(largest.count) }
}

/** Deletes a place. */
export async function deletePlace(db: Handle, { lane, party, member }: PlaceKey): Promise<void> {
  await db.deleteFrom('lane_places').where('lane', '=', lane).where('party', '=', party).where('member', '=', member).execute()
}

/** The places of a party that may still be used at `now`; the one that was asked for first comes first. */
export async function placesOfParty(db: Handle, lane: string, party: string, now: number): Promise<LanePlace[]> {
  return db
    .selectFrom('lane_places')
    .selectAll()
    .where('lane', '=', lane)
    .where('party', '=', party)
    .where('is_used', '=', 0)
    .where('expires_at', '>', now)
    .orderBy('asked_at')
    .orderBy('member')
    .execute()
}

const save = hot((db, value: LanePlace) =>
  db
    .insertInto('lane_places')
    .values({
      lane: value.lane,
      party: value.party,
      member: value.member,
      asked_at: value.asked_at,
      at: value.at,
      is_used: value.is_used,
      expires_at: value.expires_at,
    })
    .onConflict((conflict) =>
      conflict.columns(['lane', 'party', 'member']).doUpdateSet((row) => ({
        asked_at: row.ref('excluded.asked_at'),
        at: row.ref('excluded.at'),
        is_used: row.ref('excluded.is_used'),
        expires_at: row.ref('excluded.expires_at'),
      })),
    ),
)

/** Writes a place, instead of the one that its member has, if any. */
export async function savePlace(db: Handle, place: LanePlace): Promise<void> {
  await save(db, place)
}

/** Deletes at most `limit` places that expired before `before`; resolves to how many. */
export async function deletePlacesExpiredBefore(db: Handle, before: number, limit: number): Promise<number> {
  const old = db.selectFrom('lane_places').select(['lane', 'party', 'member']).where('expires_at', '<', before).limit(limit)
  const { numDeletedRows } = await db
    .deleteFrom('lane_places')
    .where(({ eb, refTuple }) => eb(refTuple('lane', 'party', 'member'), 'in', unlocked(db, old).$asTuple('lane', 'party', 'member')))
    .executeTakeFirst()
  return Number(numDeletedRows)
}
