import { EventEmitter } from 'node:events'
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

/** Takes in one connection of each address, and tells which of them are still open. */
function keptOf(addresses: readonly (string | undefined)[], limit: number, proxies: readonly string[] = []): boolean[] {
  const connections = new ConnectionShares(limit, proxies)
  const sockets = addresses.map(socketOf)
  for (const socket of sockets) connections.admit(socket)
  return sockets.map(({ destroyed }) => !destroyed)
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

t.test('of thousands of connections that come and go nothing is left', async (t) => {
  const connections = new ConnectionShares(2000, [])
  const sockets = Array.from({ length: 20_000 }, (_, i) => socketOf(`192.0.2.${i % 7}`))
  for (const socket of sockets) connections.admit(socket)
  t.same(connections.stats, { open: 2000, networks: 7 })
  t.equal(sockets.filter(({ destroyed }) => !destroyed).length, 2000)
  for (const socket of sockets) socket.destroy()
  t.same(connections.stats, { open: 0, networks: 0 })
})
