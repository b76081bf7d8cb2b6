import { listEventsAfter, newestEventId } from '../../db/auth-events.ts'
import type { Handle } from '../../db/database.ts'
import type { AuthEvent } from '../../db/schema.ts'
import { findEvents, inRange, type Search } from './search.ts'

/** An event is looked at again for this long: so long it can be counted once more (`SAME_WITHIN_MS`), and written (some seconds). */
const LOOKED_AT_FOR_MS = 90_000
/** Of those that are there at the beginning, so many are looked at again. */
const LOOKED_AT_FIRST = 1000
const PAGE = 1000

/** What was told of an event, and when it was seen first. */
interface Told {
  readonly count: number
  readonly seenAt: number
}

/**
 * The newest events that are sought, oldest first, and then those that come: the events of each look together, be there some or none. One that is counted again comes again, with its new
 * count. Events are read by their ids, whatever the clock does. Those of the last 90 seconds are read again each time, so that none is lost
 * where another one with a higher id was committed first.
 *
 * @param pause waits until it is time to look again; resolves to false at the end
 * @param elapsed milliseconds, of a clock that does not jump
 */
export async function* followEvents(
  db: Handle,
  search: Search,
  pause: () => Promise<boolean>,
  elapsed: () => number,
): AsyncGenerator<AuthEvent[]> {
  const told = new Map<number, Told>()
  const { limit, range, ...filters } = search
  const isWanted = range === undefined ? () => true : inRange(range)
  let from = (await newestEventId(db)) - LOOKED_AT_FIRST
  const tell = ({ id, count }: AuthEvent) => told.set(id, { count, seenAt: told.get(id)?.seenAt ?? elapsed() })
  for await (const event of allAfter(db, from, filters)) tell(event)
  const first = (await findEvents(db, search)).reverse()
  for (const event of first) if (event.id > from) tell(event)
  yield first
  while (await pause()) {
    const come: AuthEvent[] = []
    for await (const event of allAfter(db, from, filters)) {
      if (told.get(event.id)?.count === event.count) continue
      tell(event)
      if (isWanted(event)) come.push(event)
    }
    yield come
    from = forget(told, elapsed() - LOOKED_AT_FOR_MS) ?? from
  }
}

async function* allAfter(db: Handle, from: number, filters: Omit<Search, 'limit' | 'range'>): AsyncGenerator<AuthEvent> {
  let page: AuthEvent[] = []
  do {
    page = await listEventsAfter(db, page.at(-1)?.id ?? from, { ...filters, limit: PAGE })
    yield* page
  } while (page.length === PAGE)
}

/** Forgets the events that were seen first before this instant. Resolves to the highest id of them; undefined when there is none. */
function forget(told: Map<number, Told>, before: number): number | undefined {
  const old = [...told].filter(([, { seenAt }]) => seenAt < before).map(([id]) => id)
  for (const id of old) told.delete(id)
  return old.length > 0 ? Math.max(...old) : undefined
}
