import { setImmediate } from 'node:timers/promises'
import { listEvents as readEvents } from '../../db/auth-events.ts'
import type { Handle } from '../../db/database.ts'
import type { AuthEvent, EventKind } from '../../db/schema.ts'
import type { Core } from '../context.ts'
import { cursorOf, invalidCursor, placeOf } from '../cursors.ts'
import { invalidFields } from '../errors.ts'
import { EVENT_KINDS } from './kinds.ts'

/** Events of one user that are read at once where those of one kind are looked for, and how often for one page: each read is short. */
const READ_AT_ONCE = 1000
const READS = 10

type Place = Pick<AuthEvent, 'at' | 'id'>

interface Wanted {
  readonly userId?: number | undefined
  readonly kind?: EventKind | undefined
  readonly below?: Place | undefined
  readonly limit: number
}

/**
 * What happened, newest first: of a user, of a kind, or of both.
 *
 * @param cursor the `next` of the page before
 * @returns of user and kind together perhaps fewer than `limit`, even none, while there is a `next`
 * @throws {Problem} `invalid` under `kind` or `cursor`, which is good for the same filters alone
 */
export async function listEvents(
  { db }: Pick<Core, 'db'>,
  filters: {
    readonly userId?: number | undefined
    readonly kind?: string | undefined
    readonly limit: number
    readonly cursor?: string | undefined
  },
): Promise<{ results: readonly AuthEvent[]; next: string | null }> {
  const { userId, limit, cursor } = filters
  const kind = kindOf(filters.kind)
  const list = JSON.stringify(['events', userId ?? null, kind ?? null])
  const below = cursor === undefined ? undefined : placeIn(list, cursor)
  const { events, end } = await (userId !== undefined && kind !== undefined ? search : read)(db.read, { userId, kind, below, limit })
  return { results: events, next: end === undefined ? null : cursorOf(list, [end.at, end.id]) }
}

/** Events, and where they go on; undefined where no more are. */
interface Found {
  readonly events: readonly AuthEvent[]
  readonly end: Place | undefined
}

async function read(db: Handle, { userId, kind, below, limit }: Wanted): Promise<Found> {
  const events = await readEvents(db, {
    ...(userId !== undefined && { userId }),
    ...(kind !== undefined && { ofKind: kind }),
    ...(below && { below }),
    limit: limit + 1,
  })
  return events.length > limit ? { events: events.slice(0, limit), end: events[limit - 1] } : { events, end: undefined }
}

/** Reads what the user did until enough is of the kind, or it has read much: no index has both, for each is written at every login. */
async function search(db: Handle, { userId, kind, below, limit }: Wanted): Promise<Found> {
  const events: AuthEvent[] = []
  let end = below
  for (let reads = 0; reads < READS; reads++) {
    const page = await read(db, { userId, below: end, limit: READ_AT_ONCE })
    for (const event of page.events) {
      end = event
      if (event.kind === kind) events.push(event)
      if (events.length === limit) return { events, end: event === page.events.at(-1) ? page.end : event }
    }
    if (page.end === undefined) return { events, end: undefined }
    await setImmediate()
  }
  return { events, end }
}

function kindOf(kind: string | undefined): EventKind | undefined {
  if (kind === undefined) return undefined
  const known = EVENT_KINDS.find((one) => one === kind)
  if (known === undefined) throw invalidFields({ kind: ['Not a valid choice.'] })
  return known
}

function placeIn(list: string, cursor: string): Place {
  const [at, id] = placeOf(list, cursor)
  if (!Number.isSafeInteger(at) || !Number.isSafeInteger(id)) throw invalidCursor()
  return { at: at as number, id: id as number }
}
