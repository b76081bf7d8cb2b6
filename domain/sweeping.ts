import { setTimeout as sleep } from 'node:timers/promises'
import { deleteEventsBefore } from '../db/auth-events.ts'
import type { Handle } from '../db/database.ts'
import { deleteSessionsExpiredBefore } from '../db/expired-sessions.ts'
import { deleteAddressesUnusedSince } from '../db/known-addresses.ts'
import { deletePlacesExpiredBefore } from '../db/lane-places.ts'
import { deleteLegacyTokensExpiredBefore } from '../db/legacy-tokens.ts'
import { deleteSessionsEndedBefore } from '../db/session-ends.ts'
import { deleteTalliesExpiredBefore } from '../db/tallies.ts'
import { CLOCKS_DIFFER_MS, toSeconds } from './clock.ts'
import type { Core } from './context.ts'

/** Rows of the first batch. The next ones have as many as are deleted within `HOLD_MS`. */
const FIRST_BATCH = 100
const LEAST_BATCH = 10
const MOST_BATCH = 500
/** How long the deletions of a batch are to hold the event loop; its commit takes about as long again. */
const HOLD_MS = 2
/** After a batch others have the database as long as it took, but no longer than this: a stop waits for it. */
const MOST_PAUSE_MS = 100

/** Deletes at most `limit` rows, by an index; resolves to how many. `now` in milliseconds since the epoch. */
type Deletion = (handle: Handle, now: number, limit: number) => Promise<number>

/** What is deleted when it has been kept long enough: first what is never much. */
function deletions({ config }: Core): Readonly<Record<string, Deletion>> {
  const { sessionHistorySeconds, accessTokenTtlSeconds, eventsHistorySeconds, knownAddressHistorySeconds } = config
  // An access token lives on for a while after the session's last refresh token has expired.
  const idleSeconds = Math.max(sessionHistorySeconds, accessTokenTtlSeconds)
  return {
    tallies: deleteTalliesExpiredBefore,
    turns: deletePlacesExpiredBefore,
    addresses: (handle, now, limit) => deleteAddressesUnusedSince(handle, now - knownAddressHistorySeconds * 1000, limit),
    // A process whose clock is behind may still take such a token for good.
    'legacy tokens': (handle, now, limit) => deleteLegacyTokensExpiredBefore(handle, now - CLOCKS_DIFFER_MS, limit),
    'ended sessions': (handle, now, limit) => deleteSessionsEndedBefore(handle, now - sessionHistorySeconds * 1000, limit),
    'expired sessions': (handle, now, limit) => deleteSessionsExpiredBefore(handle, toSeconds(now) - idleSeconds, limit),
    events: (handle, now, limit) => deleteEventsBefore(handle, now - eventsHistorySeconds * 1000, limit),
  }
}

/**
 * Deletes the tallies, turns, known addresses, legacy tokens, sessions and events that have been kept long enough, in small batches, so that others are
 * served meanwhile. It ends early while a reader that stays would let the database's log of writes grow. While the clock is not steady it
 * does nothing; each batch asks for itself, for the clock may jump in the middle of a sweep.
 *
 * @param isStopping asked between the batches
 * @param onDeleted told after each batch how many rows of what it has deleted
 */
export async function sweep(
  core: Core,
  isStopping: () => boolean = () => false,
  onDeleted: (what: string, rows: number) => void = () => {},
): Promise<void> {
  for (const [what, deletion] of Object.entries(deletions(core))) {
    for (let limit = FIRST_BATCH; !isStopping(); ) {
      const began = performance.now()
      const { rows, heldMs } = await deleteBatch(core, deletion, limit)
      onDeleted(what, rows)
      if (rows < limit) break
      if (!(await core.db.tidy({ isWritingMuch: true }))) return
      limit = nextLimit(limit, heldMs)
      await sleep(Math.min(performance.now() - began, MOST_PAUSE_MS))
    }
  }
}

/** One statement. It need not wait for the disk: what a power cut brings back is deleted again. */
function deleteBatch({ db, clockWatch }: Core, deletion: Deletion, limit: number): Promise<{ rows: number; heldMs: number }> {
  return db.write(
    async (handle) => {
      const began = performance.now()
      const { now, isSteady } = clockWatch.read()
      const rows = isSteady ? await deletion(handle, now, limit) : 0
      return { rows, heldMs: performance.now() - began }
    },
    { isDurable: false, isSingle: true },
  )
}

/** At most twice as many as before: one quick batch says little. */
function nextLimit(limit: number, heldMs: number): number {
  const fitting = Math.floor((limit * HOLD_MS) / heldMs)
  return Math.min(Math.max(fitting, LEAST_BATCH), limit * 2, MOST_BATCH)
}
