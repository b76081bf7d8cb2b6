import type { Test } from 'tap'
import { insertEvent } from '../../db/auth-events.ts'
import { openDatabase } from '../../db/open.ts'
import type { NewAuthEvent } from '../../db/schema.ts'
import { databaseUrl } from '../databases.ts'
import { START } from '../helper.ts'

/** A column each of what an event has none of. */
export const nothing = {
  reason: null,
  user_id: null,
  username: null,
  name_hash: null,
  session_id: null,
  subject: null,
  actor_id: null,
  actor_name: null,
  address: null,
  client: null,
  request_id: null,
}

/** A database with these events, one second apart. */
export async function happened(t: Test, ...events: Partial<NewAuthEvent>[]): Promise<string> {
  const database = await databaseUrl(t)
  const db = await openDatabase(database)
  await db.write(async (handle) => {
    for (const [index, event] of events.entries())
      await insertEvent(handle, { kind: 'login', ...nothing, at: START + index * 1000, ...event })
    await handle.updateTable('auth_events').set({ count: 3 }).where('kind', '=', 'login_failed').execute()
  })
  await db.close()
  return database
}

export const alice = {
  user_id: 1,
  username: 'alice',
  session_id: '7-LLCSN2ZIQ2yDXTGhALmkYg',
  address: '192.0.2.1',
  client: 'Browser/1.0',
  request_id: 'r-1',
}
