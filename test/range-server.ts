import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export interface RangeServer {
  /** Ends with a slash. */
  readonly url: string
  readonly requests: { readonly method: string | undefined; readonly path: string; readonly headers: IncomingHttpHeaders }[]
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** The SHA-1 of a password as the range API splits it: the first five hex digits, which are sent, and the rest. */
export function sha1(password: string): { prefix: string; suffix: string } {
  const hash = createHash('sha1').update(password).digest('hex').toUpperCase()
  return { prefix: hash.slice(0, 5), suffix: hash.slice(5) }
}

/** An answer of Pwned Passwords: the hashes of these passwords with that prefix, another hash, and padding. */
export function range(passwords: readonly string[], prefix: string, count = 7): string {
  const known = passwords.map(sha1).filter((hash) => hash.prefix === prefix)
  const lines = [`${'0'.repeat(35)}:3`, ...known.map(({ suffix }) => `${suffix}:${count}`), `${'F'.repeat(35)}:0`]
  return lines.join('\r\n')
}

/** Answers like a range API that lists these passwords. */
export function knows(...passwords: string[]): Answer {
  return (request, response) => response.end(range(passwords, String(request.url).slice(-5)))
}

/** Starts a server on a free port. It is closed at the end of the test, with its open connections. */
export async function rangeServer(t: Pick<Test, 'teardown'>, answer: Answer): Promise<RangeServer> {
  const requests: RangeServer['requests'] = []
  const server = createServer((request, response) => {
    requests.push({ method: request.method, path: String(request.url), headers: request.headers })
    response.on('error', () => {})
    answer(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/range/`, requests }
}

/** A URL on a port on which no process listens. */
export async function deadUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return `http://127.0.0.1:${port}/range/`
}
