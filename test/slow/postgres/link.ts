import type { Socket } from 'node:net'
import type { Cleanup } from '../../server/process.ts'
import { connectFor, openPort } from './proxy.ts'

/** Something that is sent over one of the connections. */
export interface Sent {
  readonly by: 'service' | 'database'
  readonly text: string
  /** Tells connections apart. */
  readonly connection: number
}

/** A connection that is to be cut when something is sent, before it arrives. */
export interface Cut {
  hasHappened: boolean
}

/** A TCP connection in between, which a test can slow down, cut, or lead to another server. */
export class Link {
  /** Where the clients connect to. */
  port = 0
  /** Where it leads: the port of a server. */
  target: number
  /** How long everything is on its way, in milliseconds, in each direction. */
  delayMs = 0
  #cutAt: (sent: Sent) => boolean = () => false
  #opened = 0
  readonly #clients = new Set<Socket>()
  /** Both ends of each connection. */
  readonly #sockets = new Set<Socket>()
  #isHeld = false
  #isRefusing = false

  constructor(target: number) {
    this.target = target
  }

  /** From now on nothing arrives, and no connection ends: as where a network has been cut. */
  hold(): void {
    this.#isHeld = true
    for (const socket of this.#sockets) socket.pause()
  }

  release(): void {
    this.#isHeld = false
    for (const socket of this.#sockets) socket.resume()
  }

  /** Ends all connections, and new ones at once, until it is told otherwise. */
  refuse(isRefusing: boolean): void {
    this.#isRefusing = isRefusing
    if (isRefusing) this.cut()
  }

  /** Ends all connections at once. New ones can be made. */
  cut(): void {
    for (const client of this.#clients) client.destroy()
  }

  /** Cuts one connection, at the first thing sent for which this is so. A new call takes the place of the one before. */
  cutAt(isMoment: (sent: Sent) => boolean): Cut {
    const cut = { hasHappened: false }
    this.#cutAt = (sent) => {
      if (cut.hasHappened || !isMoment(sent)) return false
      cut.hasHappened = true
      return true
    }
    return cut
  }

  join(client: Socket): void {
    if (this.#isRefusing) return void client.destroy()
    const server = connectFor(client, this.target)
    this.#clients.add(client.once('close', () => this.#clients.delete(client)))
    const both = [client, server]
    for (const socket of both) this.#sockets.add(socket.once('close', () => this.#sockets.delete(socket)))
    const connection = this.#opened++
    const pass = (by: Sent['by'], chunk: Buffer, to: Socket) => {
      if (this.#cutAt({ by, text: chunk.toString('latin1'), connection })) client.destroy()
      else this.#pass(chunk, to)
    }
    client.on('data', (chunk: Buffer) => pass('service', chunk, server))
    server.on('data', (chunk: Buffer) => pass('database', chunk, client))
    if (this.#isHeld) for (const socket of both) socket.pause()
  }

  #pass(chunk: Buffer, to: Socket): void {
    const write = () => void (to.destroyed || to.write(chunk))
    if (this.delayMs === 0) write()
    // Timers of one duration run in the order in which they were made.
    else setTimeout(write, this.delayMs)
  }
}

/** Opens a connection in between that leads to a port. It is closed at the end of the test. */
export async function openLink(t: Cleanup, target: number): Promise<Link> {
  const link = new Link(target)
  link.port = await openPort(t, (client) => link.join(client))
  return link
}
