import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Cleanup } from '../../server/process.ts'

/** Opens a port. Those who connect to it are let go at the end of the test. */
export async function openPort(t: Cleanup, onClient: (client: Socket) => void): Promise<number> {
  const clients = new Set<Socket>()
  const server = createServer({ noDelay: true }, (client) => {
    clients.add(client.once('close', () => clients.delete(client)))
    onClient(client)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const client of clients) client.destroy()
  })
  return (server.address() as AddressInfo).port
}

/** Connects to a server for a client. Where one of the two ends its connection, the other one ends, too. */
export function connectFor(client: Socket, port: number): Socket {
  const server = connect({ port, host: '127.0.0.1', noDelay: true })
  const end = () => {
    client.destroy()
    server.destroy()
  }
  for (const socket of [client, server]) socket.on('error', end).on('close', end)
  return server
}
