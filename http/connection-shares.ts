import type { IncomingMessage, ServerResponse } from 'node:http'
import { BlockList, isIP, type Socket } from 'node:net'
import { normalAddress, wideNetworkOf } from '../domain/address.ts'
import { Chain, Link } from '../domain/chain.ts'

/** One network may have one connection of so many. */
const SHARES = 4

/** The connections of a network, or of all, in the order of their last change. */
class Group {
  readonly idle = new Chain<Connection>()
  readonly busy = new Chain<Connection>()

  /** The connection that gives way to a newcomer: the one idle longest; where none is idle, the one whose client has kept us waiting longest. */
  get dispensable(): Connection | undefined {
    return this.idle.first ?? this.busy.find((connection) => connection.isKeptWaiting)
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

/**
 * What became of a newcomer. It came in: to a `free` place, or to that of a connection that gave way; or it was closed, because all
 * places (`full`), or all of its network (`past share`), are taken by connections whose requests we are working on.
 */
export type Admission = 'free' | 'gave way' | 'full' | 'past share'

/**
 * Which connections are open, and whose they are. A network (an IPv4 address, an IPv6 /48) may have a quarter of all, at least one; past that
 * its own give way to its new ones. When all are taken, any gives way: the one that has been idle longest, or else whose client has kept us
 * waiting longest, for the rest of a request or to take an answer. Unless none is idle, each step costs the same, however many there are.
 */
export class ConnectionShares {
  readonly #limit: number
  readonly #share: number
  readonly #proxies = new BlockList()
  readonly #connections = new Map<Socket, Connection>()
  readonly #networks = new Map<string, Network>()
  readonly #all = new Group()

  /**
   * @param limit how many connections there may be
   * @param proxies addresses and CIDRs of proxies, which stand for many clients and therefore have no share
   */
  constructor(limit: number, proxies: readonly string[]) {
    this.#limit = limit
    this.#share = Math.max(1, Math.floor(limit / SHARES))
    for (const proxy of proxies) addTo(this.#proxies, proxy)
  }

  /** Connections that are open, and networks that have a share. */
  get stats(): { readonly open: number; readonly networks: number } {
    return { open: this.#connections.size, networks: this.#networks.size }
  }

  /** Takes a new connection in, perhaps by closing another one, or closes it. */
  admit(socket: Socket): Admission {
    const name = this.#nameOf(socket)
    const network = name === undefined ? undefined : this.#networks.get(name)
    const isPastShare = network !== undefined && network.open >= this.#share
    const isFree = !isPastShare && this.#connections.size < this.#limit
    const giving = isFree ? undefined : (isPastShare ? network : this.#all).dispensable
    if (!isFree && giving === undefined) {
      socket.destroy()
      return isPastShare ? 'past share' : 'full'
    }
    if (giving) this.#close(giving)
    this.#add(socket, name)
    return giving ? 'gave way' : 'free'
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
    if (network) network.open++
    const connection = new Connection(socket, network)
    this.#connections.set(socket, connection)
    this.#move(connection, 'idle')
    socket.once('close', () => this.#forget(connection))
  }

  #move(connection: Connection, to: 'idle' | 'busy'): void {
    if (!this.#connections.has(connection.socket)) return
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
    if (network && --network.open === 0) this.#networks.delete(network.name)
  }

  #network(name: string): Network {
    const network = this.#networks.get(name) ?? new Network(name)
    this.#networks.set(name, network)
    return network
  }

  /** Undefined for a trusted proxy. Connections without an address, as those that were closed before they are looked at, are of one network. */
  #nameOf({ remoteAddress }: Socket): string | undefined {
    const address = normalAddress(remoteAddress) ?? ''
    return isIP(address) !== 0 && this.#proxies.check(address, familyOf(address)) ? undefined : wideNetworkOf(address)
  }
}

function addTo(proxies: BlockList, proxy: string): void {
  const [address = '', bits] = proxy.split('/')
  const family = familyOf(address)
  proxies.addSubnet(address, bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits), family)
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6'
}
