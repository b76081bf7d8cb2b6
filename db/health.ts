import type { Handle } from './database.ts'
import { hot } from './hot.ts'

const oneKey = hot((db) => db.selectFrom('signing_keys').select('kid').limit(1))

/** @throws {DatabaseUnavailable} when the database does not answer */
export async function ping(db: Handle): Promise<void> {
  await oneKey(db, {})
}
