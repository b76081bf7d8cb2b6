// Not on PostgreSQL: it uses no database.
import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import { ConnectionShares } from '../../http/connection-shares.ts'

/** A connection as far as its shares are concerned. */
function socketOf(remoteAddress?: string): Socket {
  const socket = Object.assign(new EventEmitter(), {
    remoteAddress,
    destroyed: false,
    writableLength: 0,
    destroy() {
      socket.destroyed = true
      socket.emit('close')
    },
  })
  return socket as unknown as Socket
}

const SECOND = 1000

/** Takes in one connection of each address, lets them be idle, and tells which of them are still open. */
function keptOf(addresses: readonly (string | undefined)[], limit: number, proxies: readonly string[] = []): boolean[] {
  let now = 0
  const connections = new ConnectionShares(limit, proxies, () => now)
  const sockets = addresses.map(socketOf)
  for (const socket of sockets) connections.admit(socket)
  now += SECOND
  connections.trim()
  return sockets.map(({ destroyed }) => !destroyed)
}

/** Begins a request on a connection. Returns a function that ends it. */
function begin(connections: ConnectionShares, socket: Socket, complete = true): () => void {
  const response = new EventEmitter()
  connections.begin({ socket, complete } as IncomingMessage, response as ServerResponse)
  return () => response.emit('close')
}

t.test('the addresses of an IPv6 /48 share a quarter of the connections', async (t) => {
  t.strictSame(keptOf(['2001:db8:1:1::1', '2001:db8:1:2::1', '2001:db8:1:3::1', '2001:db8:2:1::1'], 8), [false, true, true, true])
})

t.test('an IPv4 address is the same one when it comes mapped into IPv6', async (t) => {
  t.strictSame(keptOf(['192.0.2.1', '::ffff:192.0.2.1', '192.0.2.2'], 4), [false, true, true])
})

t.test('connections without an address share a quarter, too', async (t) => {
  t.strictSame(keptOf([undefined, undefined, '192.0.2.2'], 4), [false, true, true])
})

t.test('where a quarter is less than one connection, a network may have one', async (t) => {
  t.strictSame(keptOf(['192.0.2.1', '192.0.2.2'], 2), [true, true])
  t.strictSame(keptOf(['192.0.2.1', '192.0.2.1'], 2), [false, true])
})

t.test('the addresses of trusted proxies have no share, however they are written', async (t) => {
  const proxies = ['10.0.0.0/8', '2001:db8::/32', '192.0.2.1']
  const addresses = ['10.1.1.1', '10.1.1.1', '::ffff:10.1.1.1', '2001:db8:1::1', '2001:db8:1::1', '192.0.2.1', '192.0.2.1', '192.0.2.2']
  t.strictSame(keptOf(addresses, 8, proxies), Array(8).fill(true))
  t.strictSame(keptOf(['192.0.2.2', '192.0.2.2', '192.0.2.2'], 8, proxies), [false, true, true])
})

t.test('a network has more than its share while there is room and they are in use, and those that are idle are closed', async (t) => {
  let now = 0
  const connections = new ConnectionShares(8, [], () => now)
  const sockets = Array.from({ length: 7 }, () => socketOf('192.0.2.1'))
  for (const socket of sockets) t.equal(connections.admit(socket), 'free')
  const ends = sockets.map((socket) => begin(connections, socket))
  now += 10 * SECOND
  connections.trim()
  t.equal(sockets.filter(({ destroyed }) => destroyed).length, 0)
  for (const end of ends) end()
  now += SECOND - 1
  connections.trim()
  t.equal(sockets.filter(({ destroyed }) => destroyed).length, 0, 'a moment after an answer the next request may be on its way')
  now += 1
  connections.trim()
  t.strictSame(
    sockets.map(({ destroyed }) => destroyed),
    [true, true, true, true, true, false, false],
  )
  now += SECOND
  t.equal(connections.admit(socketOf('192.0.2.1')), 'gave way')
  t.same(connections.stats, { open: 2, networks: 1 })
})

t.test('a network within its share takes a place over from one past its own, whatever is done on it', async (t) => {
  const connections = new ConnectionShares(8, [], () => 0)
  const [idle, ...busy] = Array.from({ length: 4 }, () => socketOf('192.0.2.1')) as [Socket, ...Socket[]]
  const others = ['192.0.2.2', '192.0.2.2', '192.0.2.3', '192.0.2.3'].map(socketOf)
  for (const socket of [...others, idle, ...busy]) connections.admit(socket)
  for (const socket of [...others, ...busy]) begin(connections, socket)
  const closed = () => [idle, ...busy].map(({ destroyed }) => destroyed)
  t.equal(connections.admit(socketOf('192.0.2.4')), 'gave way')
  t.strictSame(closed(), [true, false, false, false], 'first one that is idle')
  t.equal(connections.admit(socketOf('192.0.2.4')), 'gave way')
  t.strictSame(closed(), [true, false, false, true], 'then its newest')
  t.ok(others.every(({ destroyed }) => !destroyed))
})

t.test('newcomers that come together do not close each other where clients keep us waiting', async (t) => {
  const connections = new ConnectionShares(4, [], () => 0)
  const slow = [1, 2, 3, 4].map((i) => socketOf(`192.0.2.${i}`))
  for (const socket of slow) connections.admit(socket)
  for (const socket of slow) begin(connections, socket, false)
  const newcomers = [5, 6, 7].map((i) => socketOf(`192.0.2.${i}`))
  for (const socket of newcomers) t.equal(connections.admit(socket), 'gave way')
  t.ok(newcomers.every(({ destroyed }) => !destroyed))
  t.strictSame(
    slow.map(({ destroyed }) => destroyed),
    [true, true, true, false],
  )
})

t.test('where no network is past its share and all connections are in use, a newcomer is refused', async (t) => {
  const connections = new ConnectionShares(4, [], () => 0)
  const taken = [1, 2, 3, 4].map((i) => socketOf(`192.0.2.${i}`))
  for (const socket of taken) connections.admit(socket)
  for (const socket of taken) begin(connections, socket)
  const newcomer = socketOf('192.0.2.5')
  t.equal(connections.admit(newcomer), 'full')
  t.ok(newcomer.destroyed)
  t.ok(taken.every(({ destroyed }) => !destroyed))
})

t.test('a network past its share takes no place of another one, however long that has been idle', async (t) => {
  t.strictSame(keptOf(['192.0.2.9', '192.0.2.1', '192.0.2.1', '192.0.2.1'], 8), [true, false, true, true])
})

/** Connections of networks that may have one each, with a request under way on each. */
function busy() {
  const connections = new ConnectionShares(4, [], () => 0)
  const sockets = [1, 2, 3, 4].map((i) => socketOf(`192.0.2.${i}`))
  for (const socket of sockets) connections.admit(socket)
  const [endFirst] = sockets.map((socket) => begin(connections, socket)) as [() => void]
  return { connections, first: sockets[0] as Socket, endFirst, admit: () => connections.admit(socketOf('192.0.2.9')) }
}

t.test('a connection is idle when all of its requests are answered', async (t) => {
  const { connections, first, endFirst, admit } = busy()
  const end = begin(connections, first)
  endFirst()
  t.equal(admit(), 'full')
  end()
  t.equal(admit(), 'gave way')
  t.ok(first.destroyed)
})

t.test('a client keeps us waiting for the rest of a request when we work on no other one of its connection', async (t) => {
  const { connections, first, endFirst, admit } = busy()
  begin(connections, first, false)
  t.equal(admit(), 'full')
  endFirst()
  t.equal(admit(), 'gave way')
  t.ok(first.destroyed)
})

t.test('an answer that ends after its connection leaves no place to give way', async (t) => {
  const { connections, first, endFirst, admit } = busy()
  first.destroy()
  endFirst()
  const next = socketOf('192.0.2.5')
  t.equal(connections.admit(next), 'free')
  begin(connections, next)
  t.equal(admit(), 'full')
  t.same(connections.stats, { open: 4, networks: 4 })
})

t.test('of thousands of connections that come and go nothing is left', async (t) => {
  const connections = new ConnectionShares(2000, [], () => 0)
  const sockets = Array.from({ length: 20_000 }, (_, i) => socketOf(`192.0.2.${i % 7}`))
  for (const socket of sockets) connections.admit(socket)
  t.same(connections.stats, { open: 2000, networks: 7 })
  t.equal(sockets.filter(({ destroyed }) => !destroyed).length, 2000)
  for (const socket of sockets) socket.destroy()
  t.same(connections.stats, { open: 0, networks: 0 })
})
