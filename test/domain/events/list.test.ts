import t, { type Test } from 'tap'
import { openDatabase } from '../../../db/open.ts'
import type { EventKind } from '../../../db/schema.ts'
import { listEvents } from '../../../domain/events/list.ts'
import { databaseUrl } from '../../databases.ts'

/** Events of user 7, and a few of user 8 between them; `kinds` by what comes how often. Several have the same time. */
async function withEvents(t: Test, count: number, kindOf: (i: number) => EventKind) {
  const db = await openDatabase(await databaseUrl(t))
  t.teardown(() => db.close())
  const events = Array.from({ length: count }, (_, i) => {
    const at = Math.floor(i / 3)
    return { at, last_at: at, kind: kindOf(i), user_id: i % 100 === 99 ? 8 : 7 }
  })
  await db.write(async (handle) => {
    for (let from = 0; from < count; from += 1000) {
      await handle
        .insertInto('auth_events')
        .values(events.slice(from, from + 1000))
        .execute()
    }
  })
  return { db }
}

/** The ids on each page. */
async function pages(core: Awaited<ReturnType<typeof withEvents>>, filters: { userId?: number; kind?: string }, limit: number) {
  const found: number[][] = []
  let cursor: string | undefined
  do {
    const { results, next } = await listEvents(core, { ...filters, limit, cursor })
    found.push(results.map(({ id }) => id))
    cursor = next ?? undefined
  } while (cursor !== undefined)
  return found
}

t.test('events are listed newest first, each once, whatever the filter and the size of a page', async (t) => {
  const kindOf = (i: number) => (i % 7 === 3 ? 'session_ended' : 'login')
  const core = await withEvents(t, 2500, kindOf)
  const ids = (isIn: (i: number) => boolean) =>
    Array.from({ length: 2500 }, (_, i) => i)
      .filter(isIn)
      .map((i) => i + 1)
      .toReversed()
  const ofUser = (i: number) => i % 100 !== 99
  for (const limit of [7, 50, 200, 3000]) {
    t.same(
      (await pages(core, {}, limit)).flat(),
      ids(() => true),
    )
    t.same((await pages(core, { userId: 7 }, limit)).flat(), ids(ofUser))
    t.same(
      (await pages(core, { kind: 'session_ended' }, limit)).flat(),
      ids((i) => i % 7 === 3),
    )
    t.same(
      (await pages(core, { userId: 7, kind: 'session_ended' }, limit)).flat(),
      ids((i) => ofUser(i) && i % 7 === 3),
    )
    t.same((await pages(core, { userId: 8, kind: 'user_deleted' }, limit)).flat(), [])
  }
  t.same(await pages(core, { userId: 9 }, 50), [[]])
})

t.test('of a user with very many events a page of one kind may be short, and the next one goes on', async (t) => {
  const core = await withEvents(t, 25_000, (i) => (i === 5 || i === 24_000 ? 'password_set' : 'login'))
  t.same(await pages(core, { userId: 7, kind: 'password_set' }, 50), [[24_001], [], [6]])
})
