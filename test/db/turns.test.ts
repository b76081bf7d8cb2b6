import t, { type Test } from 'tap'
import { countEvent, type FreshEvent, insertEvent, listEvents } from '../../db/auth-events.ts'
import type { Database, Handle } from '../../db/database.ts'
import { adapterOf } from '../../db/dialect.ts'
import { isKnownAddress, rememberAddress, trimKnownAddresses } from '../../db/known-addresses.ts'
import { openDatabase } from '../../db/open.ts'
import { takeTurn } from '../../db/turns.ts'
import { insertUser } from '../../db/users.ts'

async function openInMemory(t: Test): Promise<Database> {
  const db = await openDatabase(':memory:')
  t.teardown(() => db.close())
  return db
}

/** Makes the dialect take turns, and do the work of another process while a turn is waited for. */
function onTurn(db: Database, meantime: (transaction: Handle, turn: string) => Promise<void>): void {
  adapterOf(db.read).takeTurn = meantime
}

t.test('on SQLite, where one transaction writes at a time, taking a turn runs no query', async (t) => {
  const db = await openInMemory(t)
  const queries = t.capture(db.read.getExecutor(), 'executeQuery')
  const results = await db.write(async (handle) => [await takeTurn(handle, 'signing keys'), await takeTurn(handle, 'user 1')])
  t.same(results, [undefined, undefined])
  t.equal(queries().length, 0)
})

t.test('a dialect with concurrent transactions takes the turn by its name, inside the transaction', async (t) => {
  const db = await openInMemory(t)
  const turns: [handle: Handle, turn: string][] = []
  onTurn(db, async (...turn) => void turns.push(turn))
  const transaction = await db.write(async (handle) => {
    await takeTurn(handle, 'user 1')
    await takeTurn(handle, 'session 2')
    return handle
  })
  t.same(
    turns.map(([handle, turn]) => [handle === transaction, turn]),
    [
      [true, 'user 1'],
      [true, 'session 2'],
    ],
  )
})

const EVENT: Required<FreshEvent> = {
  at: 1000,
  kind: 'login_failed',
  reason: 'wrong_password',
  user_id: 1,
  username: 'alice',
  name_hash: null,
  session_id: null,
  subject: null,
  actor_id: null,
  actor_name: null,
  address: '192.0.2.1',
  client: null,
  request_id: null,
}

t.test('refusals that another process writes while the turn is waited for are counted in its row', async (t) => {
  const db = await openInMemory(t)
  onTurn(db, (handle) => insertEvent(handle, EVENT))
  await db.write((handle) => countEvent(handle, { event: EVENT, lastAt: 2000, count: 2 }, 60_000, false))
  t.match(await listEvents(db.read, { limit: 10 }), [{ ...EVENT, count: 3, last_at: 2000 }])
})

t.test('known addresses that another process adds while the turn is waited for are trimmed with the others', async (t) => {
  const db = await openInMemory(t)
  const remember = (handle: Handle, network: string, last_at: number) => rememberAddress(handle, { user_id: 1, network, last_at })
  await db.write((handle) => insertUser(handle, { username: 'alice', username_key: 'alice', password: '-', created_at: 1 }))
  onTurn(db, (handle) => remember(handle, 'theirs', 1))
  await db.write(async (handle) => {
    await remember(handle, 'ours', 2)
    await trimKnownAddresses(handle, 1, 1)
  })
  t.same(await Promise.all(['ours', 'theirs'].map((network) => isKnownAddress(db.read, 'alice', network))), [true, false])
})
