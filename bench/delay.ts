// A way to a server on which each byte takes DELAY_MS in each direction, in a process of its own: as over a network.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

const delayMs = Number(process.env.DELAY_MS)
const port = Number(process.env.TARGET_PORT)

function pass(from: Socket, to: Socket): void {
  // Timers of one duration run in the order in which they were made.
  from.on('data', (chunk) => setTimeout(() => to.write(chunk), delayMs))
  from.on('close', () => to.destroy())
  from.on('error', () => to.destroy())
}

const server = createServer({ noDelay: true }, (client) => {
  const target = connect({ port, host: '127.0.0.1', noDelay: true })
  pass(client, target)
  pass(target, client)
})
await once(server.listen(Number(process.env.PORT), '127.0.0.1'), 'listening')
process.send?.('')
