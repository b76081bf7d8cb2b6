import type { Handle } from '../../db/database.ts'
import type { Session } from '../../db/schema.ts'
import { findUse, noteElsewhere, type SessionState } from '../../db/sessions.ts'
import { networkOf } from '../address.ts'
import type { Core } from '../context.ts'
import { recordOfUser } from '../events/of-users.ts'
import { clientOf, type Origin } from '../events/record.ts'
import type { Owner } from './ends.ts'
import { sidOf } from './sid.ts'

const NOTE_EVERY_MS = 60_000

/**
 * Notes, in a transaction, that a refresh token which has a successor already is answered to another network or another client than the
 * one that got it: a user who changed from Wi-Fi to the mobile network, or a thief who follows the rotations within the grace (RFC 9700
 * §4.14.2). At most once a minute for each session.
 */
export async function noteIfElsewhere(handle: Handle, { clock }: Core, origin: Origin, user: Owner, session: SessionState): Promise<void> {
  const now = clock()
  const use = await findUse(handle, session.id)
  if (use === undefined || isSame(use, origin) || isRecent(use, now)) return
  await noteElsewhere(handle, { id: session.id, at: now, address: origin.address ?? '', client: clientOf(origin) ?? '' })
  await recordOfUser(handle, now, origin, { kind: 'refresh_from_elsewhere', userId: user.id, username: user.username, sid: sidOf(session) })
}

function isSame(use: Pick<Session, 'address' | 'client'>, origin: Origin): boolean {
  return networkOf(use.address) === networkOf(origin.address ?? '') && use.client === (clientOf(origin) ?? '')
}

function isRecent({ elsewhere_at: at }: Pick<Session, 'elsewhere_at'>, now: number): boolean {
  return at !== null && Math.abs(now - at) < NOTE_EVERY_MS
}
