import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cleanup } from './process.ts'

/** An answer as it was sent. */
export interface WireAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The answers that came over a connection, and whether the service ended it. */
export interface Talk {
  readonly answers: WireAnswer[]
  readonly isEnded: boolean
}

/**
 * Sends bytes as they are, piece by piece, and collects the answers until the service ends the connection, or for `patienceMs`.
 */
export async function talk(
  port: number,
  pieces: readonly (string | Buffer)[],
  options: { patienceMs?: number; halfClose?: boolean } = {},
): Promise<Talk> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const received: Buffer[] = []
  let isEnded = false
  const over = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => received.push(chunk))
    socket.on('end', () => {
      isEnded = true
      resolve()
    })
    socket.on('error', () => {
      isEnded = true
      resolve()
    })
  })
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await sleep(20)
    socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)
  }
  if (options.halfClose) socket.end()
  await Promise.race([over, sleep(options.patienceMs ?? 20_000, undefined, { ref: false })])
  socket.destroy()
  return { answers: parseAnswers(Buffer.concat(received).toString('latin1')), isEnded }
}

/** Parses consecutive answers with a `Content-Length`; interim ones (1xx) are left out. */
export function parseAnswers(text: string): WireAnswer[] {
  const answers: WireAnswer[] = []
  let rest = text
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) throw new Error(`no whole answer: ${JSON.stringify(rest)}`)
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n')
    const headers = Object.fromEntries(lines.map((line) => [line.split(':')[0]?.toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]))
    const status = Number(statusLine.split(' ')[1])
    const length = Number(headers['content-length'] ?? 0)
    const body = rest.slice(end + 4, end + 4 + length)
    rest = rest.slice(end + 4 + length)
    if (status >= 200) answers.push({ status, headers, body })
  }
  return answers
}

/** A connection that stays open. @param localAddress where it comes from; on Linux any that begins with 127 */
export async function open(t: Cleanup, port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}
