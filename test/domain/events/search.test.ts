import { CompiledQuery, createQueryId, type RootOperationNode } from 'kysely'
import t, { type Test } from 'tap'
import { addToEvent, insertEvent, listEvents, listEventsAfter } from '../../../db/auth-events.ts'
import type { Database, Handle } from '../../../db/database.ts'
import { openDatabase } from '../../../db/open.ts'
import { followEvents } from '../../../domain/events/follow.ts'
import { eventOf, type Happening, noOrigin } from '../../../domain/events/record.ts'
import { findEvents, ofAddress } from '../../../domain/events/search.ts'
import { databaseUrl, notOnPostgres } from '../../databases.ts'

const MINUTE = 60_000

async function database(t: Test): Promise<Database> {
  const db = await openDatabase(await databaseUrl(t))
  t.teardown(() => db.close())
  return db
}

function add(db: Database, at: number, address: string | null = null, happening: Partial<Happening> = {}): Promise<void> {
  return db.write((handle) => insertEvent(handle, eventOf(at, { ...noOrigin, address }, { kind: 'login', ...happening })))
}

/** Adds an event with an id of its own. */
function insertAs(db: Database, id: number, kind: Happening['kind']): Promise<unknown> {
  const event = { ...eventOf(0, noOrigin, { kind }), id, last_at: 0 }
  return db.write((handle) => handle.insertInto('auth_events').values(event).execute())
}

t.test('the events of an address are also those of the networks that it is counted in, and of a range all that begin in it', async (t) => {
  const db = await database(t)
  const addresses = ['192.0.2.7', '192.0.2.70', '192.0.3.7', '2001:db8::1', '2001:db8::/64', '2001:db8::/48', '2001:db8:1::1', null]
  for (const [at, address] of addresses.entries()) await add(db, at, address)
  const of = async (text: string, limit = 100) =>
    (await findEvents(db.read, { limit, ...ofAddress(text) })).map(({ address }) => address).toReversed()
  t.strictSame(await of('192.0.2.7'), ['192.0.2.7'])
  t.strictSame(await of('::ffff:192.0.2.7'), ['192.0.2.7'])
  t.strictSame(await of('192.0.2.0/24'), ['192.0.2.7', '192.0.2.70'])
  t.strictSame(await of('192.0.2.0/24', 1), ['192.0.2.70'])
  t.strictSame(await of('2001:db8::1'), ['2001:db8::1', '2001:db8::/64', '2001:db8::/48'])
  t.strictSame(await of('2001:db8::/32'), ['2001:db8::1', '2001:db8::/64', '2001:db8::/48', '2001:db8:1::1'])
})

t.test('a range is looked for in all events, also where thousands of others are newer or have the same time', async (t) => {
  const db = await database(t)
  await db.write(async (handle) => {
    for (let i = 0; i < 2500; i++) {
      const address = i % 1000 === 0 ? '192.0.2.1' : '203.0.113.1'
      await insertEvent(handle, eventOf(5, { ...noOrigin, address }, { kind: 'login' }))
    }
  })
  const found = await findEvents(db.read, { limit: 100, range: '192.0.2.0/24' })
  t.strictSame(
    found.map(({ id }) => id),
    [2001, 1001, 1],
  )
})

t.test('all filters hold together, since with its instant and until without', async (t) => {
  const db = await database(t)
  const kinds = ['login', 'login_failed', 'session_ended'] as const
  for (let at = 0; at < 9; at++)
    await add(db, at, '192.0.2.1', { kind: kinds[at % 3] as (typeof kinds)[number], userId: 1, username: at < 6 ? 'a' : 'b' })
  const times = async (filters: object) => (await listEvents(db.read, { limit: 100, ...filters })).map(({ at }) => at)
  t.strictSame(await times({ kinds: ['login', 'login_failed'] }), [7, 6, 4, 3, 1, 0])
  t.strictSame(await times({ since: 2, until: 5 }), [4, 3, 2])
  t.strictSame(await times({ kinds: ['login'], since: 1, username: 'a', addresses: ['192.0.2.1'] }), [3])
  t.strictSame(await times({ addresses: ['192.0.2.2'] }), [])
})

t.test(
  'every search is led by an index: of the name, of the time, of the user, of the kind, or by the ids',
  { skip: notOnPostgres('the plan of SQLite is read') },
  async (t) => {
    const db = await database(t)
    const planOf = async (query: (handle: Handle) => Promise<unknown>): Promise<string> => {
      const asked: RootOperationNode[] = []
      const transformQuery = ({ node }: { node: RootOperationNode }) => {
        asked.push(node)
        return node
      }
      await query(db.read.withPlugin({ transformQuery, transformResult: async ({ result }) => result }))
      const { sql, parameters } = db.read.getExecutor().compileQuery(asked[0] as RootOperationNode, createQueryId())
      const { rows } = await db.read.executeQuery<{ detail: string }>(CompiledQuery.raw(`explain query plan ${sql}`, [...parameters]))
      return rows.map(({ detail }) => detail).join('; ')
    }
    const filters = { limit: 100, kinds: ['login' as const], addresses: ['192.0.2.1'] }
    t.match(
      await planOf((handle) => listEvents(handle, { ...filters, since: 5 })),
      /SEARCH auth_events USING INDEX auth_events_at \(at>\?\)/,
    )
    t.match(await planOf((handle) => listEvents(handle, filters)), /SCAN auth_events USING INDEX auth_events_at/)
    t.match(await planOf((handle) => listEvents(handle, { ...filters, username: 'a', nameHash: 'b' })), /auth_events_of_user \(username=\?/)
    for (const below of [{}, { below: { at: 5, id: 5 } }]) {
      const ofKind = await planOf((handle) => listEvents(handle, { limit: 51, ofKind: 'login', ...below }))
      t.match(ofKind, /^SEARCH auth_events USING INDEX auth_events_of_kind \(<expr>=\?( AND at<\?)?\)$/)
      const ofUser = await planOf((handle) => listEvents(handle, { limit: 51, userId: 7, ...below }))
      t.match(ofUser, /^SEARCH auth_events USING INDEX auth_events_of_user_id \(user_id=\?( AND at<\?)?\)$/)
    }
    t.match(await planOf((handle) => listEventsAfter(handle, 5, filters)), /USING INTEGER PRIMARY KEY \(rowid>\?\)/)
  },
)

/** Followed events, as ids and counts, and what lets the next look happen. */
async function following(db: Database, search: object = {}) {
  const seen: [id: number, count: number][] = []
  let now = 0
  let looks: Promise<unknown>
  let goOn: (on: boolean) => void = () => {}
  let paused: () => void = () => {}
  const pause = () => {
    paused()
    return new Promise<boolean>((resolve) => (goOn = resolve))
  }
  const untilPaused = () => new Promise<void>((resolve) => (paused = resolve))
  const first = untilPaused()
  const ended = (async () => {
    for await (const events of followEvents(db.read, { limit: 2, ...search }, pause, () => now)) {
      for (const { id, count } of events) seen.push([id, count])
    }
  })()
  await first
  return {
    async look(seconds = 1) {
      now += seconds * 1000
      looks = untilPaused()
      goOn(true)
      await looks
      return seen.splice(0)
    },
    first: seen.splice(0),
    async end() {
      goOn(false)
      await ended
      return seen
    },
  }
}

t.test('to follow begins with the newest events, oldest first, and goes on with those that come, and no other', async (t) => {
  const db = await database(t)
  for (let at = 0; at < 5; at++) await add(db, at)
  const { first, look, end } = await following(db)
  t.strictSame(first, [
    [4, 1],
    [5, 1],
  ])
  t.strictSame(await look(), [])
  await add(db, 6)
  // Its time is that of another clock.
  await add(db, -1000 * MINUTE)
  t.strictSame(await look(), [
    [6, 1],
    [7, 1],
  ])
  t.strictSame(await look(1000), [])
  await add(db, 7)
  t.strictSame(await look(1000), [[8, 1]])
  t.strictSame(await end(), [])
})

t.test('an event that is counted again comes again with its count, also one of before', async (t) => {
  const db = await database(t)
  for (let at = 0; at < 3; at++) await add(db, at)
  const { look, end } = await following(db)
  const count = (id: number) => db.write((handle) => addToEvent(handle, id, 9, 2))
  await count(3)
  await count(1)
  t.strictSame(await look(), [
    [1, 3],
    [3, 3],
  ])
  await add(db, 4)
  await look()
  await count(4)
  t.strictSame(await look(60), [[4, 3]])
  await end()
})

t.test('an event that is committed after one with a higher id is not lost, nor is one of a storm', async (t) => {
  const db = await database(t)
  await add(db, 0)
  const { look, end } = await following(db)
  // Above the ids of the storm, wherever a database goes on counting.
  await insertAs(db, 9009, 'login')
  t.strictSame(await look(), [[9009, 1]])
  await insertAs(db, 9008, 'login')
  t.strictSame(await look(60), [[9008, 1]])
  await db.write(async (handle) => {
    for (let i = 0; i < 2500; i++) await insertEvent(handle, eventOf(0, noOrigin, { kind: 'login' }))
  })
  t.equal((await look()).length, 2500)
  await end()
})

t.test('what was there 90 seconds ago is not read again, also where none of it is sought', async (t) => {
  const db = await database(t)
  const { look, end } = await following(db, { kinds: ['login'] })
  await insertAs(db, 9, 'login_failed')
  t.strictSame(await look(), [])
  t.strictSame(await look(91), [])
  await insertAs(db, 8, 'login')
  await insertAs(db, 10, 'login')
  t.strictSame(await look(), [[10, 1]])
  await end()
})

t.test('what is followed is filtered as what is listed', async (t) => {
  const db = await database(t)
  const { look, end } = await following(db, { range: '192.0.2.0/24', kinds: ['login'] })
  await add(db, 0, '192.0.2.1')
  await add(db, 0, '192.0.3.1')
  await add(db, 0, '192.0.2.1', { kind: 'login_failed' })
  t.strictSame(await look(), [[1, 1]])
  await end()
})
