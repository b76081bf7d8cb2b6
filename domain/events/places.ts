import type { FreshEvent } from '../../db/auth-events.ts'
import { networkOf, wideNetworkOf } from '../address.ts'

type Event = Required<FreshEvent>

const MINUTE_MS = 60_000
/** Different refusals that are written in a minute, beside the failed logins of users. */
const DIFFERENT_A_MINUTE = 300
/** How many of them come from one network: an IPv4 address, or a /48 of IPv6. */
const OF_ONE_NETWORK = 30

/** Who shares a row of refusals past a limit: one row for a network, with its name as long as all have the same. */
export function isOfManyNames({ kind }: Pick<Event, 'kind'>): boolean {
  return kind === 'login_throttled'
}

/**
 * Which refusals have a row of their own this minute. A network has a share of the places; its further refusals are counted in one row of
 * the network for each kind and reason. When all places are taken, the rest is counted in rows without name and address.
 *
 * A wrong password of a user always has its row, whatever others send: each has cost a hash, and the limits on logins bound them.
 */
export class Places {
  #minute = 0
  #taken = new Set<string>()
  #ofNetworks = new Map<string, number>()

  /** The refusal as it is to be written. */
  place(event: Event): Event {
    this.#begin(Math.floor(event.at / MINUTE_MS))
    if (event.kind === 'login_failed' && event.user_id !== null) return event
    const own = isOfManyNames(event) ? { ...event, address: within(event, networkOf) } : event
    return this.#take(own, false) ?? this.#take(ofNetwork(event), true) ?? nameless(event)
  }

  #begin(minute: number): void {
    if (minute === this.#minute) return
    this.#minute = minute
    this.#taken = new Set()
    this.#ofNetworks = new Map()
  }

  /** The event, if it has a place or there is one left for it. */
  #take(event: Event, isOfNetwork: boolean): Event | undefined {
    const key = keyOf(event)
    if (this.#taken.has(key)) return event
    if (this.#taken.size >= DIFFERENT_A_MINUTE) return undefined
    if (!isOfNetwork && !this.#takeOf(within(event, wideNetworkOf) ?? '')) return undefined
    this.#taken.add(key)
    return event
  }

  #takeOf(network: string): boolean {
    const taken = this.#ofNetworks.get(network) ?? 0
    if (taken >= OF_ONE_NETWORK) return false
    this.#ofNetworks.set(network, taken + 1)
    return true
  }
}

/** What refusals that are counted in one row have in common. */
export function keyOf(event: Event): string {
  const { kind, reason, username, name_hash, address } = event
  return JSON.stringify(isOfManyNames(event) ? [kind, reason, address] : [kind, reason, username, name_hash, address])
}

/** The network of an event's address, which may be the network of an address itself. */
function within({ address }: Event, network: typeof networkOf): string | null {
  const [bare] = address?.split('/') ?? []
  return bare === undefined ? null : network(bare)
}

function ofNetwork(event: Event): Event {
  return { ...nameless(event), address: within(event, wideNetworkOf) }
}

/** The event without what it may have of many. */
export function nameless(event: Event): Event {
  const nothing = { user_id: null, username: null, name_hash: null, session_id: null, subject: null }
  return { ...event, ...nothing, address: null, client: null, request_id: null }
}
