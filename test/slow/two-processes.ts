import type { TokenPair } from '../../domain/sessions/grant.ts'
import { type ClientMembers, makeClient } from '../../harness/api-client.ts'
import { Client } from '../../harness/client.ts'
import { type Cleanup, folder, type Service, start } from '../server/process.ts'

/** Status and whole body of an answer. */
export interface Seen {
  readonly status: number
  readonly body: unknown
}

export type Ask = (request: string) => Promise<Seen>

/** Sends requests over connections that are kept alive, as many as there are requests at once. */
export function asker(t: Cleanup, { port }: Pick<Service, 'port'>): Ask {
  const idle: Client[] = []
  t.teardown(() => {
    for (const client of idle) client.close()
  })
  return async (request) => {
    // The one that has been idle longest, so that the server closes none.
    let client = idle.shift()
    if (client === undefined || client.isClosed) client = await Client.open(port)
    const { status, body } = await client.ask(request)
    idle.push(client)
    return { status, body: JSON.parse(body) }
  }
}

/** Services on one database. */
export interface Services {
  /** One that may introspect. */
  readonly client: ClientMembers
  /** Sends a request to each of them. */
  readonly asks: readonly Ask[]
  /** Sends a request to one of them, chosen at random. */
  readonly any: Ask
}

/** Two services on one database file. */
export interface TwoProcesses extends Services {
  readonly file: string
}

export async function startTwo(t: Cleanup, settings: Readonly<Record<string, string>> = {}): Promise<TwoProcesses> {
  const file = `${folder(t)}/latchkey.db`
  // A race has more failed requests than the limits allow.
  const env = { DATABASE_URL: `file:${file}`, LOG_LEVEL: 'info', LIMITS: 'off', ...settings }
  const [one, two] = await Promise.all([start(t, env), start(t, env)])
  return { file, client: await makeClient(`file:${file}`), ...asking([asker(t, one), asker(t, two)]) }
}

export function asking(asks: readonly Ask[]): Pick<Services, 'asks' | 'any'> {
  return { asks, any: (request) => (asks[Math.floor(Math.random() * asks.length)] as Ask)(request) }
}

/** @throws for an answer with any other status */
export async function expectStatus(expected: number, answer: Promise<Seen>): Promise<unknown> {
  const { status, body } = await answer
  if (status !== expected) throw new Error(`${status} ${JSON.stringify(body)}`)
  return body
}

/** The tokens of an answer. @throws for any answer but a 200 */
export async function pairOf(answer: Promise<Seen>): Promise<TokenPair> {
  return (await expectStatus(200, answer)) as TokenPair
}
