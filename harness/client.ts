import { connect, type Socket } from 'node:net'

/** An answer with a `Content-Length`. */
export interface Answer {
  readonly status: number
  readonly body: string
}

/** A request that posts a JSON text, as HTTP text. */
export function postRequest(path: string, body: string, headers: Readonly<Record<string, string>> = {}): string {
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${more.join('')}content-length: ${body.length}\r\n\r\n${body}`
}

/**
 * An HTTP client on one kept-alive socket, which sends one request at a time. It is small so that it takes less time than what it
 * measures. Bodies are ASCII in both directions.
 */
export class Client {
  readonly #socket: Socket
  #received = ''
  #settle: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined

  static open(port: number): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => resolve(new Client(socket)))
    })
  }

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => this.#receive(chunk as Buffer))
    // Ignored here: `close` follows, and rejects the request that waits.
    socket.on('error', () => {})
    socket.on('close', () => this.#settle?.reject(closed()))
  }

  /** @throws when the connection ends before the answer */
  ask(request: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(closed())
      this.#settle = { resolve, reject }
      this.#socket.write(request, 'latin1')
    })
  }

  /** Whether the server has closed the connection, for instance because it was idle. */
  get isClosed(): boolean {
    return this.#socket.destroyed
  }

  close(): void {
    this.#settle = undefined
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    this.#received += chunk.toString('latin1')
    const received = this.#received
    const headEnd = received.indexOf('\r\n\r\n')
    if (headEnd < 0) return
    const lengthAt = received.indexOf('content-length: ') + 'content-length: '.length
    const bodyStart = headEnd + 4
    if (received.length < bodyStart + Number.parseInt(received.slice(lengthAt, lengthAt + 8), 10)) return
    this.#received = ''
    this.#settle?.resolve({ status: Number(received.slice(9, 12)), body: received.slice(bodyStart) })
  }
}

function closed(): Error {
  return new Error('the server closed the connection')
}
