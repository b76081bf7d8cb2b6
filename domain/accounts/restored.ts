import { expiryLine } from '../../db/expired-sessions.ts'
import { endEverySession, lockRestored, raiseIds, revokeEveryLegacyToken } from '../../db/restored.ts'
import { takeTurns } from '../../db/turns.ts'
import type { Core } from '../context.ts'
import { withdrawAllKeys } from '../keys/commands.ts'

/** More than are given between a backup and its restore, where nobody can tell how many they were. */
const IDS_SKIPPED = 1_000_000

/** What was done to a restored database. */
export interface Settled {
  readonly endedSessions: number
  readonly retiredKeys: number
  /** The id that comes next, by table. */
  readonly nextIds: Readonly<Record<string, number>>
}

/**
 * Makes good what the restore of a backup brings back, in one transaction:
 *
 * - Sessions that were ended after the backup live in it again, those of thieves too. So all end. So it is with legacy tokens.
 * - Whoever has a token of a session or a user of the lost time must not act for those who get these ids next. So ids go on beyond them.
 * - Services that check tokens by themselves know nothing of sessions. So the keys are retired that have signed them; what starts next makes
 *   others.
 *
 * @param lastIds the highest ids of the database that was replaced, where they are known
 */
export async function settleRestored(core: Core, lastIds: Readonly<Record<string, number>> = {}): Promise<Settled> {
  const { db, clock, config } = core
  return db.write(
    async (handle) => {
      await takeTurns(handle, 'signing keys')
      await lockRestored(handle)
      // First, so that the events of what follows have ids beyond, too.
      const nextIds = await raiseIds(handle, IDS_SKIPPED, lastIds)
      const now = clock()
      const endedSessions = await endEverySession(handle, expiryLine(now, config.accessTokenTtlSeconds), now)
      await revokeEveryLegacyToken(handle, now)
      return { endedSessions, retiredKeys: await withdrawAllKeys(handle, core), nextIds }
    },
    { isLong: true },
  )
}
