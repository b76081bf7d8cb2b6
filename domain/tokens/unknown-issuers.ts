import type { Clock } from '../clock.ts'
import { noOrigin } from '../events/record.ts'
import type { Refusals } from '../events/refusals.ts'
import type { Claims } from './claims.ts'

const WARN_EVERY_MS = 60_000
/** In UTF-16 units, as it is kept in an event. */
const ISSUER_LENGTH_LIMIT = 200

/**
 * Makes what is called with a token of ours that is refused because of its issuer alone: its user may have been logged out by a change of a
 * setting. Each is an event, and the log warns once a minute.
 */
export function unknownIssuers(
  { refusals, monotonic }: { readonly refusals: Refusals; readonly monotonic: Clock },
  warn: (message: string) => void,
): (claims: Claims) => void {
  let warnedAt = Number.NEGATIVE_INFINITY
  return ({ iss, user_id: userId, sid }) => {
    const subject = iss.slice(0, ISSUER_LENGTH_LIMIT).toWellFormed()
    refusals.note(noOrigin, { kind: 'token_refused', reason: 'issuer', userId, sid, subject })
    if (monotonic() - warnedAt < WARN_EVERY_MS) return
    warnedAt = monotonic()
    warn(
      `a token of this service was refused because its issuer is ${JSON.stringify(subject)}: if that was its issuer before, add it to JWT_PREVIOUS_ISSUERS`,
    )
  }
}
