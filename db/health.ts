import type { Handle } from './database.ts'
import { hot } from './hot.ts'

const oneKey = hot((db) => db.selectFrom('signing_keys').select('kid').limit(1))

/** Asks the database for a row, to see whether it answers. @throws {DatabaseUnavailable} when it does not */
export async function ping(db: Handle): Promise<void> {
  await oneKey(db, {})
}
