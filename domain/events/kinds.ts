import type { EventKind } from '../../db/schema.ts'

/** All kinds of events: one that is missing here fails to compile. */
export const EVENT_KINDS = Object.keys({
  login: true,
  login_failed: true,
  login_throttled: true,
  refresh_refused: true,
  refresh_from_elsewhere: true,
  token_refused: true,
  session_ended: true,
  password_changed: true,
  user_registered: true,
  user_disabled: true,
  user_enabled: true,
  user_deleted: true,
  user_created: true,
  users_imported: true,
  user_changed: true,
  password_set: true,
  sessions_ended: true,
  key_created: true,
  key_retired: true,
  client_created: true,
  client_revoked: true,
} satisfies Record<EventKind, true>) as EventKind[]
