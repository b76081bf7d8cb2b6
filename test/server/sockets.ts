import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { build, type TestApp } from '../helper.ts'

export const live = 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n'
export const lastLive = 'GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
export const bundle = 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n'

/** The server's times, in milliseconds, short enough for a test. */
export interface Times {
  readonly headersTimeout?: number
  readonly requestTimeout?: number
  readonly keepAliveTimeout?: number
  readonly keepAliveTimeoutBuffer?: number
  readonly timeout?: number
}

/** An app that listens on a free port. */
export async function listen(t: Test, env: Record<string, string> = {}, times: Times = {}): Promise<{ app: TestApp; port: number }> {
  const app = await build(t, env)
  Object.assign(app.server, { connectionsCheckingInterval: 20, ...times })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return { app, port: (app.server.address() as AddressInfo).port }
}

/** Everything that is received until the connection is closed. */
export async function untilClosed(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk
  })
  if (!socket.destroyed) await once(socket, 'close')
  return text
}

export function openConnections({ server }: TestApp): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))
}

/** Waits until a condition holds. If it never does, the time limit of the test ends the wait. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10)
}
