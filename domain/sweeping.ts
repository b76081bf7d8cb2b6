import { setImmediate as nextTurn } from 'node:timers/promises'
import { deleteEventsBefore } from '../db/auth-events.ts'
import type { Handle } from '../db/database.ts'
import { deleteAddressesUnusedSince } from '../db/known-addresses.ts'
import { deletePlacesExpiredBefore } from '../db/lane-places.ts'
import { deleteSessionsEndedBefore, findExpired } from '../db/session-ends.ts'
import { deleteTalliesExpiredBefore } from '../db/tallies.ts'
import type { Core } from './context.ts'
import { expire } from './sessions/ends.ts'

/** Rows in a transaction: some milliseconds, after which other writes have their turn. */
const BATCH = 100

/**
 * Marks expired sessions, and deletes the sessions, events, tallies, turns and known addresses that have been kept long enough. While the
 * clock is not steady it does nothing; each batch asks for itself, for the clock may jump in the middle of a sweep.
 *
 * @param isStopping asked between the batches
 */
export async function sweep({ db, clockWatch, config }: Core, isStopping: () => boolean = () => false): Promise<void> {
  const steps: ((handle: Handle, now: number) => Promise<number>)[] = [
    (handle, now) => expireSome(handle, now, config.accessTokenTtlSeconds),
    (handle, now) => deleteSessionsEndedBefore(handle, now - config.sessionHistorySeconds * 1000, BATCH),
    (handle, now) => deleteEventsBefore(handle, now - config.eventsHistorySeconds * 1000, BATCH),
    (handle, now) => deleteTalliesExpiredBefore(handle, now, BATCH),
    (handle, now) => deletePlacesExpiredBefore(handle, now, BATCH),
    (handle, now) => deleteAddressesUnusedSince(handle, now - config.knownAddressHistorySeconds * 1000, BATCH),
  ]
  for (const step of steps) {
    const batch = async (handle: Handle) => {
      const { now, isSteady } = clockWatch.read()
      return isSteady ? step(handle, now) : 0
    }
    while (!isStopping() && (await db.write(batch)) === BATCH) await nextTurn()
  }
}

async function expireSome(handle: Handle, now: number, accessTtlSeconds: number): Promise<number> {
  const sessions = await findExpired(handle, now, accessTtlSeconds, BATCH)
  await expire(handle, sessions)
  return sessions.length
}
