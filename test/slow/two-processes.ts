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
    const client = idle.pop() ?? (await Client.open(port))
    const { status, body } = await client.ask(request)
    idle.push(client)
    return { status, body: JSON.parse(body) }
  }
}

/** Two services on one database file. */
export interface TwoProcesses {
  readonly file: string
  readonly client: ClientMembers
  /** Sends a request to the first, and to the second. */
  readonly asks: readonly [Ask, Ask]
  /** Sends a request to one of them, chosen at random. */
  readonly either: Ask
}

export async function startTwo(t: Cleanup): Promise<TwoProcesses> {
  const file = `${folder(t)}/latchkey.db`
  // A race has more failed requests than the limits allow.
  const env = { DATABASE_URL: `file:${file}`, LOG_LEVEL: 'info', LIMITS: 'off' }
  const [one, two] = await Promise.all([start(t, env), start(t, env)])
  const asks = [asker(t, one), asker(t, two)] as const
  return { file, client: await makeClient(`file:${file}`), asks, either: (request) => (Math.random() < 0.5 ? asks[0] : asks[1])(request) }
}

/** The tokens of an answer. @throws for any answer but a 200 */
export async function pairOf(answer: Promise<Seen>): Promise<TokenPair> {
  const { status, body } = await answer
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
  return body as TokenPair
}
