import type { Socket } from 'node:net'
import type { Cleanup } from '../../server/process.ts'
import { connectFor, openPort } from './proxy.ts'

/**
 * How long each answer is on its way, in milliseconds. What a client sends without waiting for an answer is underway long before one could
 * reach it, so that it is seen whether it waits.
 */
const ANSWER_MS = 6

/** A statement that was sent, and in which round trip since the start. */
export interface Sent {
  readonly roundTrip: number
  readonly connection: number
  readonly text: string
}

/**
 * A way to a PostgreSQL server that counts round trips. One is: something is sent, on one or more connections, and then nothing more until
 * an answer to it has arrived. So it is how often a request that is alone waits for the server, and what the delay of a network is to be
 * multiplied with.
 */
export class Talk {
  port = 0
  readonly sent: Sent[] = []
  #roundTrips = 0
  #isAnswered = true
  #connections = 0

  get roundTrips(): number {
    return this.#roundTrips
  }

  join(client: Socket, target: number): void {
    const connection = ++this.#connections
    const server = connectFor(client, target)
    const read = readStatements((text) => this.sent.push({ roundTrip: this.#roundTrips, connection, text }))
    client.on('data', (chunk: Buffer) => {
      if (this.#isAnswered) this.#roundTrips++
      this.#isAnswered = false
      read(chunk)
      server.write(chunk)
    })
    server.on('data', (chunk: Buffer) => {
      // Timers of one duration run in the order in which they were made.
      setTimeout(() => {
        this.#isAnswered = true
        client.write(chunk)
      }, ANSWER_MS)
    })
  }
}

/** Opens a way to the server at a port. It is closed at the end of the test. */
export async function openTalk(t: Cleanup, target: number): Promise<Talk> {
  const talk = new Talk()
  talk.port = await openPort(t, (client) => talk.join(client, target))
  return talk
}

/** Finds statements in what a client sends (PostgreSQL's manual, "Message Formats"), where nothing is encrypted. */
function readStatements(found: (text: string) => void): (chunk: Buffer) => void {
  const texts = new Map<string, string>()
  let rest = Buffer.alloc(0)
  let hasStarted = false
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    // The first message has no letter.
    for (let head = hasStarted ? 1 : 0; rest.length >= head + 4; head = 1) {
      const end = head + rest.readUInt32BE(head)
      if (rest.length < end) return
      const words = rest.toString('utf8', head + 4, end).split('\0')
      const kind = hasStarted ? String.fromCharCode(rest[0] as number) : ''
      // Parse: name, text. Bind: portal, name.
      if (kind === 'P') texts.set(words[0] as string, words[1] as string)
      if (kind === 'Q') found(words[0] as string)
      if (kind === 'B') found(texts.get(words[1] as string) as string)
      hasStarted = true
      rest = rest.subarray(end)
    }
  }
}
