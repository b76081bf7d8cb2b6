import { listEventsAfter, newestEventId } from '../../db/auth-events.ts'
import type { Handle } from '../../db/database.ts'
import type { AuthEvent } from '../../db/schema.ts'
import { findEvents, inRange, type Search } from './search.ts'

/** An event is looked at again for this long: so long it can be counted once more (`SAME_WITHIN_MS`), and written (some seconds). */
const LOOKED_AT_FOR_MS = 90_000
/** Of those that are there at the beginning, so many are looked at again. */
const LOOKED_AT_FIRST = 1000
const PAGE = 1000

/** What the newest event was at a look. */
interface Look {
  readonly newestId: number
  readonly at: number
}

/**
 * The newest events that are sought, oldest first, and then those that come: the events of each look together, be there some or none. One
 * that is counted again comes again, with its new count. Events are read by their ids, whatever the clock does. Those of the last 90 seconds
 * are read again each time, so that none is lost where another one with a higher id was committed first.
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
  const { limit, range, ...filters } = search
  const isWanted = range === undefined ? () => true : inRange(range)
  const looks: Look[] = [{ newestId: await newestEventId(db), at: elapsed() }]
  let from = (looks[0] as Look).newestId - LOOKED_AT_FIRST
  /** By its id, the count that was told of an event. */
  const told = new Map<number, number>()
  for await (const { id, count } of allAfter(db, from, filters)) told.set(id, count)
  const first = (await findEvents(db, search)).reverse()
  for (const { id, count } of first) if (id > from) told.set(id, count)
  yield first
  while (await pause()) {
    looks.push({ newestId: await newestEventId(db), at: elapsed() })
    const come: AuthEvent[] = []
    for await (const event of allAfter(db, from, filters)) {
      if (told.get(event.id) === event.count) continue
      told.set(event.id, event.count)
      if (isWanted(event)) come.push(event)
    }
    yield come
    from = forgotten(looks, elapsed() - LOOKED_AT_FOR_MS) ?? from
    for (const id of told.keys()) if (id <= from) told.delete(id)
  }
}

async function* allAfter(db: Handle, from: number, filters: Omit<Search, 'limit' | 'range'>): AsyncGenerator<AuthEvent> {
  let page: AuthEvent[] = []
  do {
    page = await listEventsAfter(db, page.at(-1)?.id ?? from, { ...filters, limit: PAGE })
    yield* page
  } while (page.length === PAGE)
}

/** Takes out the looks before this instant. @returns the newest event of the last of them; undefined when there is none */
function forgotten(looks: Look[], before: number): number | undefined {
  const old = looks.filter(({ at }) => at < before)
  return looks.splice(0, old.length)[old.length - 1]?.newestId
}
