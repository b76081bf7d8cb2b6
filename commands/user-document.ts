import type { Session, User } from '../db/schema.ts'
import { instant } from '../domain/clock.ts'
import { sidOf } from '../domain/sessions/sid.ts'
import type { Row } from './output.ts'

// What is printed of users and sessions: as the API answers it, and never a hash or a token.

/** A user, for programs. */
export function userDocument({ id, username, last_login_at, is_superuser, is_active, is_staff, created_at }: User) {
  return {
    id,
    username,
    last_login: orNull(last_login_at),
    is_superuser: is_superuser === 1,
    is_active: is_active === 1,
    is_staff: is_staff === 1,
    date_joined: instant(created_at),
  }
}

/** All that is known of a user. @param sessions how many live ones the user has */
export function wholeUserDocument(user: User, sessions: number) {
  return { ...userDocument(user), email: user.email, changed_at: instant(user.changed_at), sessions }
}

export function sessionDocument(session: Session) {
  const { created_at, refreshed_at, expires_at, address, client, elsewhere_at, elsewhere_address, elsewhere_client } = session
  return {
    id: sidOf(session),
    created_at: instant(created_at),
    last_used_at: instant(refreshed_at),
    expires_at: instant(expires_at),
    address,
    client,
    elsewhere_at: orNull(elsewhere_at),
    elsewhere_address,
    elsewhere_client,
  }
}

/** A document as a row of a table, for people. */
export function rowOf(document: Readonly<Record<string, string | number | boolean | null>>): Row {
  return Object.fromEntries(
    Object.entries(document).map(([name, value]) => [name, typeof value === 'boolean' ? (value ? 'yes' : 'no') : value]),
  )
}

function orNull(milliseconds: number | null): string | null {
  return milliseconds === null ? null : instant(milliseconds)
}
