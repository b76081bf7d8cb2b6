import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { inRanges, normalAddress, wideNetworkOf } from '../domain/address.ts'
import { Chain, Link } from '../domain/chain.ts'
import type { Clock } from '../domain/clock.ts'

/** The share of one network is one connection of so many. */
const SHARES = 4

/** How long a connection without a request counts as just opened or just answered, and not yet as idle. */
const IDLE_AFTER_MS = 1000

/** The connections of a network, or of all, in the order of their last change. */
class Group {
  readonly idle = new Chain<Connection>()
  readonly busy = new Chain<Connection>()

  /**
   * The connection that gives way to a newcomer: the one idle longest; where none has been idle for some time, the one whose client has kept
   * us waiting longest; and only then one that has just come, whose request may be on its way.
   */
  dispensable(now: number): Connection | undefined {
    return this.longIdle(now) ?? this.busy.find((connection) => connection.isKeptWaiting) ?? this.idle.first
  }

  longIdle(now: number): Connection | undefined {
    const { first } = this.idle
    return first && now - first.idleSince >= IDLE_AFTER_MS ? first : undefined
  }
}

/** A network that has connections. */
class Network extends Group {
  readonly name: string
  open = 0

  constructor(name: string) {
    super()
    this.name = name
  }
}

class Connection {
  readonly socket: Socket
  /** None for a trusted proxy. */
  readonly network: Network | undefined
  /** Requests whose headers have arrived, and whose answers are not finished. */
  underWay = 0
  /** When it became idle, in milliseconds of a monotonic clock. */
  idleSince = 0
  latest: IncomingMessage | undefined
  readonly inAll: Link<Connection> = new Link<Connection>(this)
  readonly inNetwork: Link<Connection> = new Link<Connection>(this)

  constructor(socket: Socket, network: Network | undefined) {
    this.socket = socket
    this.network = network
  }

  /** Whether a request is not there as a whole, or an answer is not taken. */
  get isKeptWaiting(): boolean {
    return this.socket.writableLength > 0 || (this.underWay === 1 && this.latest?.complete === false)
  }
}

/** What became of a newcomer: it came in to a `free` place, or to that of a connection that `gave way`; or all places are taken, and it was closed (`full`). */
export type Admission = 'free' | 'gave way' | 'full'

/**
 * Which connections are open, and whose they are. A network (an IPv4 address, an IPv6 /48) has a share of a quarter of all, at least one
 * connection. It can have more at once, for as long as there is room and they are in use: those past its share that are idle are closed. When
 * all places are taken, a network within its share takes one over from a network past its own, whatever is done on it; or else the one gives
 * way that has been idle longest, or whose client has kept us waiting longest, for the rest of a request or to take an answer.
 */
export class ConnectionShares {
  readonly #limit: number
  readonly #share: number
  readonly #isProxy: ReturnType<typeof inRanges>
  readonly #monotonic: Clock
  readonly #connections = new Map<Socket, Connection>()
  readonly #networks = new Map<string, Network>()
  /** The networks past their share: fewer than four. */
  readonly #pastShare = new Set<Network>()
  readonly #all = new Group()

  /**
   * @param limit how many connections there may be
   * @param proxies addresses and CIDRs of proxies, which stand for many clients and therefore have no share
   * @param monotonic in milliseconds
   */
  constructor(limit: number, proxies: readonly string[], monotonic: Clock) {
    this.#limit = limit
    this.#share = Math.max(1, Math.floor(limit / SHARES))
    this.#isProxy = inRanges(proxies)
    this.#monotonic = monotonic
  }

  /** Connections that are open, and networks that have a share. */
  get stats(): { readonly open: number; readonly networks: number } {
    return { open: this.#connections.size, networks: this.#networks.size }
  }

  /** Takes a new connection in, perhaps by closing another one, or closes it. */
  admit(socket: Socket): Admission {
    const name = this.#nameOf(socket)
    const network = name === undefined ? undefined : this.#networks.get(name)
    const isFull = this.#connections.size >= this.#limit
    const giving = this.#givingWayTo(network, isFull)
    if (isFull && giving === undefined) {
      socket.destroy()
      return 'full'
    }
    if (giving) this.#close(giving)
    this.#add(socket, name)
    return giving ? 'gave way' : 'free'
  }

  /** Closes the idle connections of each network that are past its share. To be called every second or so. */
  trim(): void {
    for (const network of [...this.#pastShare]) {
      for (let idle = network.longIdle(this.#monotonic()); idle && network.open > this.#share; idle = network.longIdle(this.#monotonic()))
        this.#close(idle)
    }
  }

  #givingWayTo(network: Network | undefined, isFull: boolean): Connection | undefined {
    const isWithinShare = network === undefined || network.open < this.#share
    if (isWithinShare) return isFull ? this.#givingWayToAny() : undefined
    return isFull ? network.dispensable(this.#monotonic()) : network.longIdle(this.#monotonic())
  }

  /** The connection that gives way to one of a network within its share. */
  #givingWayToAny(): Connection | undefined {
    const [largest] = [...this.#pastShare].sort((a, b) => b.open - a.open)
    const now = this.#monotonic()
    return largest?.dispensable(now) ?? largest?.busy.last ?? this.#all.dispensable(now)
  }

  /** Notes that the headers of a request have arrived: until its answer is finished, its connection is not idle. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(request.socket)
    if (connection === undefined) return
    connection.latest = request
    if (connection.underWay++ === 0) this.#move(connection, 'busy')
    // Also when the client goes away before the answer.
    response.once('close', () => {
      if (--connection.underWay > 0) return
      connection.latest = undefined
      this.#move(connection, 'idle')
    })
  }

  #add(socket: Socket, name: string | undefined): void {
    const network = name === undefined ? undefined : this.#network(name)
    if (network && ++network.open > this.#share) this.#pastShare.add(network)
    const connection = new Connection(socket, network)
    this.#connections.set(socket, connection)
    this.#move(connection, 'idle')
    socket.once('close', () => this.#forget(connection))
  }

  #move(connection: Connection, to: 'idle' | 'busy'): void {
    if (!this.#connections.has(connection.socket)) return
    if (to === 'idle') connection.idleSince = this.#monotonic()
    this.#all[to].append(connection.inAll)
    connection.network?.[to].append(connection.inNetwork)
  }

  #close(connection: Connection): void {
    this.#forget(connection)
    connection.socket.destroy()
  }

  #forget(connection: Connection): void {
    if (!this.#connections.delete(connection.socket)) return
    const { network, inAll, inNetwork } = connection
    inAll.chain?.remove(inAll)
    inNetwork.chain?.remove(inNetwork)
    if (network === undefined) return
    if (--network.open <= this.#share) this.#pastShare.delete(network)
    if (network.open === 0) this.#networks.delete(network.name)
  }

  #network(name: string): Network {
    const network = this.#networks.get(name) ?? new Network(name)
    this.#networks.set(name, network)
    return network
  }

  /** Undefined for a trusted proxy. Connections without an address, as those that were closed before they are looked at, are of one network. */
  #nameOf({ remoteAddress }: Socket): string | undefined {
    return this.#isProxy(remoteAddress) ? undefined : wideNetworkOf(normalAddress(remoteAddress) ?? '')
  }
}
