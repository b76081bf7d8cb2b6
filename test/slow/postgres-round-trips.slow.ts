import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { TokenPair } from '../../domain/sessions/grant.ts'
import { logIn, logOut, refresh, register, verify } from '../../harness/requests.ts'
import { PASSWORD } from '../helper.ts'
import { start } from '../server/process.ts'
import { startServer } from './postgres/server.ts'
import { openTalk, type Talk } from './postgres/talk.ts'
import { type Ask, asker, pairOf } from './two-processes.ts'

const TRIES = 15
const IDLE_SECONDS = 20
const MOST_IDLE = 3

/** How often a request waits for PostgreSQL: with a network between them, each time costs its delay. */
const MOST = { verify: 1, refresh: 2, logOut: 3, logIn: 7, logInElsewhere: 7, register: 6 }
type Kind = keyof typeof MOST

interface Served {
  readonly talk: Talk
  readonly ask: Ask
}

async function serve(t: Test): Promise<Served> {
  const server = await startServer(t)
  const talk = await openTalk(t, server.port)
  const url = server.url({ port: talk.port })
  const env = { LOG_LEVEL: 'info', REGISTRATIONS_PER_ADDRESS: '1000', TRUST_PROXY: '127.0.0.1' }
  const service = await start(t, { ...env, DATABASE_URL: url })
  return { talk, ask: asker(t, service) }
}

/** The statements of a request, each with the round trip it was sent in, from 1 on. */
async function statementsOf({ talk, ask }: Served, request: string): Promise<string[]> {
  const [before, from] = [talk.roundTrips, talk.sent.length]
  const { status, body } = await ask(request)
  if (status > 299) throw new Error(`${status} ${JSON.stringify(body)}`)
  return talk.sent.slice(from).map(({ roundTrip, connection, text }) => `${roundTrip - before} [${connection}] ${text}`)
}

/** The median of several requests: what the service does by itself comes between a few of them. */
async function roundTripsOf(served: Served, requests: readonly string[]): Promise<{ roundTrips: number; statements: readonly string[] }> {
  const tries: { roundTrips: number; statements: readonly string[] }[] = []
  for (const request of requests) {
    const before = served.talk.roundTrips
    const statements = await statementsOf(served, request)
    tries.push({ roundTrips: served.talk.roundTrips - before, statements })
  }
  tries.sort((one, other) => one.roundTrips - other.roundTrips)
  return tries[(tries.length - 1) / 2] as (typeof tries)[number]
}

async function requestsOf({ ask }: Served): Promise<Record<Kind, string[]>> {
  const pairs: TokenPair[] = []
  for (let i = 0; i <= 2 * TRIES; i++) {
    await ask(register(`user-${i}`, PASSWORD))
    pairs.push(await pairOf(ask(logIn(`user-${i}`, PASSWORD))))
  }
  const each = (request: (i: number) => string) => Array.from({ length: TRIES }, (_, i) => request(i))
  return {
    verify: each(() => verify(pairs[0]?.access as string)),
    refresh: each((i) => refresh(pairs[i]?.refresh as string)),
    logOut: each((i) => logOut(pairs[TRIES + i]?.refresh as string)),
    logIn: each((i) => logIn(`user-${i}`, PASSWORD)),
    // Where a user has not been before, further limits count.
    logInElsewhere: each((i) => forwarded(logIn(`user-${i}`, PASSWORD), `198.51.100.${i + 1}`)),
    register: each((i) => register(`new-${i}`, PASSWORD)),
  }
}

/** A request of a client behind a proxy. */
function forwarded(request: string, address: string): string {
  return request.replace('\r\n', `\r\nx-forwarded-for: ${address}\r\n`)
}

t.test('a request waits for PostgreSQL no more often than documented', async (t) => {
  const served = await serve(t)
  for (const [kind, requests] of Object.entries(await requestsOf(served))) {
    const { roundTrips, statements } = await roundTripsOf(served, requests)
    t.comment(`${kind}: ${roundTrips}`)
    t.ok(roundTrips <= MOST[kind as Kind], `${kind}: ${roundTrips} of ${MOST[kind as Kind]}`, { statements })
  }
})

t.test('a service that nobody asks hardly talks to PostgreSQL', async (t) => {
  const { talk } = await serve(t)
  const before = talk.roundTrips
  await sleep(IDLE_SECONDS * 1000)
  const idle = (talk.roundTrips - before) / IDLE_SECONDS
  t.comment(`${idle} round trips a second`)
  t.ok(idle <= MOST_IDLE, `${idle} a second`)
})
