import type { Database, Handle } from './database.ts'
import { hot } from './hot.ts'

/** How long an answer is good for: many may ask, and each trial is a write that waits for the disk. */
const GOOD_FOR_MS = 1000

const oneKey = hot((db) => db.selectFrom('signing_keys').select('kid').limit(1))

/** Asks the database for a row, to see whether it answers. @throws {DatabaseUnavailable} when it does not */
export async function ping(db: Handle): Promise<void> {
  await oneKey(db, {})
}

/**
 * A function that checks a database, once a second at most: whoever asks in between gets the last answer, and while a check is under way its
 * answer.
 *
 * @param monotonic a clock that nobody sets, in milliseconds
 * @returns throws what `Database.check` does
 */
export function healthOf(db: Pick<Database, 'check'>, monotonic: () => number): () => Promise<void> {
  let answer = Promise.resolve()
  let isGoodUntil = Number.NEGATIVE_INFINITY
  return () => {
    if (monotonic() < isGoodUntil) return answer
    isGoodUntil = Number.POSITIVE_INFINITY
    answer = db.check().finally(() => {
      isGoodUntil = monotonic() + GOOD_FOR_MS
    })
    return answer
  }
}
