import { type EventFilters, listEvents } from '../../db/auth-events.ts'
import type { Handle } from '../../db/database.ts'
import type { AuthEvent } from '../../db/schema.ts'
import { inRanges, networkOf, rangeOf, wideNetworkOf } from '../address.ts'

/** Which events are sought: `listEvents` knows all but the range, of which the database understands nothing. */
export interface Search extends Omit<EventFilters, 'below'> {
  /** Only the events with an address in this range (CIDR). */
  readonly range?: string
}

/** How many events are read at once where some of them are left out afterwards: each read is short, and holds nobody up. */
const PAGE = 1000

/** The newest events that are sought, newest first. */
export async function findEvents(db: Handle, { range, ...filters }: Search): Promise<AuthEvent[]> {
  if (range === undefined) return listEvents(db, filters)
  const isWanted = inRange(range)
  const found: AuthEvent[] = []
  let page: AuthEvent[] = []
  do {
    const below = page.at(-1)
    page = await listEvents(db, { ...filters, limit: PAGE, ...(below && { below }) })
    found.push(...page.filter(isWanted))
  } while (found.length < filters.limit && page.length === PAGE)
  return found.slice(0, filters.limit)
}

/** Whether an event is of an address in the range, or of a network that begins in it: of many refusals only their network is kept. */
export function inRange(range: string): (event: Pick<AuthEvent, 'address'>) => boolean {
  const isIn = inRanges([range])
  return ({ address }) => isIn(address?.split('/')[0])
}

/**
 * What to seek for an address or a range of them: of one address, the networks that it is counted in are sought, too.
 *
 * @returns undefined for anything else
 */
export function ofAddress(text: string): Pick<Search, 'addresses' | 'range'> | undefined {
  const range = rangeOf(text)
  if (range === undefined) return undefined
  const { address, family, bits } = range
  if (bits < (family === 'ipv4' ? 32 : 128)) return { range: text }
  return { addresses: [...new Set([address, networkOf(address), wideNetworkOf(address)])] }
}
