import type { Session } from '../db/schema.ts'
import { instant } from '../domain/clock.ts'
import { sidOf } from '../domain/sessions/sid.ts'

/** What is shown of a session, to its user and to staff. */
export function sessionDocument(session: Session) {
  return {
    id: sidOf(session),
    created_at: instant(session.created_at),
    last_used_at: instant(session.refreshed_at),
    address: session.address,
    client: session.client,
  }
}
