import type { Handle } from '../../db/database.ts'
import {
  countPlacesAfter,
  countTurns,
  countWaiting,
  deletePlace,
  findPlace,
  largestWaiting,
  lastPlaceUntil,
  type PlaceKey,
  placesOfParty,
  savePlace,
} from '../../db/lane-places.ts'
import type { LanePlace } from '../../db/schema.ts'
import { CLOCKS_DIFFER_MS } from '../clock.ts'

// Past a limit, attempts go on one by one in a slow lane. Whoever is sent away has the promise of a turn: `Retry-After` says when it comes,
// and from then on it may be taken for an hour. So nobody wins by asking more often. A turn that was taken is over: who failed, and asks
// again, is given the next one at the end. Each party has one turn in a lane at a time, so a party waits for at most one turn of each other.
//
// A party may have members, such as the /64s of a /48: they share its turns, in the order in which they asked. While one has a turn to come the
// others wait, and are told to ask again then; their order is kept.

/** How long a turn may be taken once it has come. */
const HONOURED_MS = 3_600_000
/** Some 200 bytes each. When there are as many, others have to ask again until one is used or has expired. */
const TURNS_LIMIT = 1000
/** Members that wait, of all parties. When there are as many, a party with few of them displaces the newest of the one with most. */
const WAITING_LIMIT = 1000
/** How long a turn that was used is kept at least, for it may have to be given back. */
const USED_MS = 60_000

/** Who asks, in which lane, and how far apart its turns are. */
export interface Lane extends PlaceKey {
  readonly intervalMs: number
}

/** A turn that may be taken now (0), or comes in so many milliseconds. */
export type WaitMs = number

/**
 * The turn that was promised before; or when to ask again, where none can be promised. Nothing is written.
 *
 * @param now milliseconds since the epoch, as all instants here
 * @returns undefined when one is to be promised now
 */
export async function promisedTurn(handle: Handle, lane: Lane, now: number): Promise<WaitMs | undefined> {
  const own = await findPlace(handle, lane)
  const isHeld = own !== undefined && !own.is_used && own.expires_at > now
  if (isHeld && own.at !== null && own.at <= now) return 0
  const horizon = await latestPossible(handle, lane, now)
  if (isHeld && own.at !== null) return own.at <= horizon ? own.at - now : undefined
  const party = await placesOfParty(handle, lane.lane, lane.party, now)
  const next = nextOf(party, now, horizon)
  if (next !== undefined) return isHeld || !(await hasRoom(handle, lane, now, party)) ? next.at - now : undefined
  return !isHeld && (await countTurns(handle, lane.lane, now)) >= TURNS_LIMIT ? lane.intervalMs : undefined
}

/**
 * The turn that was promised before, or else a new one behind all that are promised. In a transaction that has locked the lane.
 *
 * @param earliest before it no turn is given
 */
export async function promiseTurn(handle: Handle, lane: Lane, now: number, earliest: number): Promise<WaitMs> {
  const promised = await promisedTurn(handle, lane, now)
  if (promised !== undefined) return promised
  const horizon = await latestPossible(handle, lane, now)
  const last = await lastPlaceUntil(handle, lane.lane, horizon)
  const free = Math.max(now, last === undefined ? now : last + lane.intervalMs, Math.min(earliest, now + lane.intervalMs))
  const party = await placesOfParty(handle, lane.lane, lane.party, now)
  const next = nextOf(party, now, horizon)
  if (next === undefined) return giveInOrder(handle, lane, now, free, party)
  await waitForParty(handle, lane, now, party, next.at)
  return next.at - now
}

/** Takes a turn that may be taken. The lane is locked. */
export async function useTurn(handle: Handle, lane: Lane, now: number): Promise<void> {
  const own = await findPlace(handle, lane)
  if (own !== undefined) await savePlace(handle, { ...own, is_used: 1, expires_at: now + Math.max(lane.intervalMs, USED_MS) })
}

/** Gives a turn back that was taken for nothing. The lane is locked. */
export async function returnTurn(handle: Handle, lane: Lane): Promise<void> {
  const own = await findPlace(handle, lane)
  if (own?.is_used && own.at !== null) await savePlace(handle, { ...own, is_used: 0, expires_at: own.at + HONOURED_MS })
}

/** Gives the turns of a party to its members in the order in which they asked, until one is still to come. */
async function giveInOrder(handle: Handle, lane: Lane, now: number, free: number, party: readonly LanePlace[]): Promise<WaitMs> {
  const before = waitingOf(party).filter(({ member }) => member !== lane.member)
  const own = waitingOf(party).find(({ member }) => member === lane.member)
  const older = own ? before.filter(({ asked_at }) => asked_at < own.asked_at) : before
  let at = free
  for (const waiting of older) {
    await savePlace(handle, { ...waiting, at, expires_at: at + HONOURED_MS })
    if (at > now) {
      if (own === undefined) await waitForParty(handle, lane, now, party, at)
      return at - now
    }
    at += lane.intervalMs
  }
  await savePlace(handle, { ...place(lane, own?.asked_at ?? now), at, expires_at: at + HONOURED_MS })
  return at - now
}

/** Puts a member behind those of its party, where there is room. `at` is when the party's next turn comes. */
async function waitForParty(handle: Handle, lane: Lane, now: number, party: readonly LanePlace[], at: number): Promise<void> {
  const giving = await givingWay(handle, lane, now, party)
  if (giving === 'nobody') return
  if (giving !== undefined) await deletePlace(handle, giving)
  await savePlace(handle, { ...place(lane, now), at: null, expires_at: at + HONOURED_MS })
}

async function hasRoom(handle: Handle, lane: Lane, now: number, party: readonly LanePlace[]): Promise<boolean> {
  return (await givingWay(handle, lane, now, party)) !== 'nobody'
}

/** Who has to leave for one more of a party to wait; undefined while there is room. */
async function givingWay(handle: Handle, lane: Lane, now: number, party: readonly LanePlace[]): Promise<LanePlace | 'nobody' | undefined> {
  if ((await countWaiting(handle, lane.lane, now)) < WAITING_LIMIT) return undefined
  const largest = await largestWaiting(handle, lane.lane, now)
  if (largest === undefined || largest.count <= waitingOf(party).length + 1) return 'nobody'
  return waitingOf(await placesOfParty(handle, lane.lane, largest.party, now)).at(-1)
}

function waitingOf(party: readonly LanePlace[]): LanePlace[] {
  return party.filter(({ at }) => at === null)
}

function place({ lane, party, member }: Lane, askedAt: number): Omit<LanePlace, 'at' | 'expires_at'> {
  return { lane, party, member, asked_at: askedAt, is_used: 0 }
}

/** The turn of a party that is still to come. */
function nextOf(party: readonly LanePlace[], now: number, horizon: number): { readonly at: number } | undefined {
  return party.find((one): one is LanePlace & { at: number } => one.at !== null && one.at > now && one.at <= horizon)
}

/**
 * How late the last turn can be, as the turns to come follow each other without a gap. One that is later was promised while a clock was
 * ahead, or ours is behind: it counts for nothing, or it would keep people waiting until that time comes.
 */
async function latestPossible(handle: Handle, { lane, intervalMs }: Lane, now: number): Promise<number> {
  return now + (await countPlacesAfter(handle, lane, now)) * intervalMs + CLOCKS_DIFFER_MS
}
