import type { Session } from '../../db/schema.ts'
import { findUse, noteElsewhere, type SessionState } from '../../db/sessions.ts'
import { lockUser } from '../../db/turns.ts'
import { networkOf } from '../address.ts'
import type { Core } from '../context.ts'
import { recordOfUser } from '../events/of-users.ts'
import { clientOf, type Origin } from '../events/record.ts'
import type { Owner } from './ends.ts'
import { sidOf } from './sid.ts'

const NOTE_EVERY_MS = 60_000

/**
 * Notes that a refresh token which has a successor already is answered to another network or another client than the
 * one that got it: a user who changed from Wi-Fi to the mobile network, or a thief who follows the rotations within the grace (RFC 9700
 * §4.14.2). At most once a minute for each session.
 */
export async function noteIfElsewhere({ db, clock }: Core, origin: Origin, user: Owner, session: SessionState): Promise<void> {
  const now = clock()
  const use = await findUse(db.read, session.id)
  if (use === undefined || isSame(use, origin) || isRecent(use, now)) return
  const noted = { id: session.id, at: now, address: origin.address ?? '', client: clientOf(origin) ?? '' }
  await db.write(async (handle) => {
    await lockUser(handle, user.id)
    if (!(await noteElsewhere(handle, noted, use.elsewhere_at))) return
    await recordOfUser(handle, now, origin, {
      kind: 'refresh_from_elsewhere',
      userId: user.id,
      username: user.username,
      sid: sidOf(session),
    })
  })
}

function isSame(use: Pick<Session, 'address' | 'client'>, origin: Origin): boolean {
  return networkOf(use.address) === networkOf(origin.address ?? '') && use.client === (clientOf(origin) ?? '')
}

function isRecent({ elsewhere_at: at }: Pick<Session, 'elsewhere_at'>, now: number): boolean {
  return at !== null && Math.abs(now - at) < NOTE_EVERY_MS
}
