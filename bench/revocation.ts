// `npm run bench:revocation`: a session is logged out in one process; from then on another one on the same
// database gets requests until it refuses them. The time is from the answer of the logout to that of the first refusal.
// `npm run bench:revocation -- postgres` does the same on PostgreSQL.
import { availableParallelism } from 'node:os'
import type { TokenPair } from '../domain/sessions/grant.ts'
import { makeClient } from '../harness/api-client.ts'
import { type Answer, Client } from '../harness/client.ts'
import { authenticate, introspect, logIn, logOut, refresh, verify } from '../harness/requests.ts'
import type { Loader, Server } from './child.ts'
import type { Load, Outcome } from './load.ts'
import { quantile } from './measure.ts'
import { openBench } from './open.ts'
import { startPostgres } from './postgres-server.ts'
import { ms, PASSWORD, post } from './row.ts'

const ROUNDS = 1000
const LOAD_CONNECTIONS = 4
/** Of each process. */
const REFRESHES_PER_SECOND = 200

/** A request with a token of a session, and whether its answer is a refusal. */
interface Question {
  readonly name: string
  ask(pair: TokenPair): string
  isRefused(answer: Answer): boolean
}

/** When a request was refused, in milliseconds after the logout, and how often it was granted before that. */
interface Refused {
  readonly ms: number
  readonly granted: number
}

/** One list for each of `questions`. */
type Refusals = readonly Refused[][]

const bench = await openBench()
const postgres = process.argv.includes('postgres') ? await startPostgres() : undefined
const url = postgres?.url() ?? bench.databaseUrl
const start = () => bench.startLatchkey({ env: { DATABASE_URL: url } })
const here = await start()
if (postgres !== undefined) await post(here, '/api/users/', { username: 'user', password: PASSWORD })
const there = await start()
const client = await makeClient(url)
const isUnauthorized = ({ status }: Answer) => status === 401
const questions: readonly Question[] = [
  { name: 'verify', ask: ({ access }) => verify(access), isRefused: isUnauthorized },
  { name: 'refresh', ask: ({ refresh: token }) => refresh(token), isRefused: isUnauthorized },
  { name: 'header authentication', ask: ({ access }) => authenticate(access), isRefused: isUnauthorized },
  { name: 'introspection', ask: ({ access }) => introspect(access, client), isRefused: ({ body }) => body === '{"active":false}' },
]

await measure(here, there, 100)
const alone = await measure(here, there, ROUNDS)
const grantedMs: number[] = []
const beside = await besideRefreshes(bench.loader, [here, there], () => measure(here, there, ROUNDS))
await here.stop()
await there.stop()
await bench.close()
await postgres?.stop()

console.log(`\nNode ${process.versions.node}, ${availableParallelism()} cores, ${ROUNDS} logouts each\n`)
console.log(
  `| refused by another process after a logout | p50 | p99 | most | beside ${2 * REFRESHES_PER_SECOND} refreshes a second: p50 | p99 | most |`,
)
console.log('|---|---:|---:|---:|---:|---:|---:|')
for (const [index, { name }] of questions.entries()) {
  console.log(`| ${[name, ...shown(timesOf(alone[index])), ...shown(timesOf(beside[index]))].join(' | ')} |`)
}
console.log(`| for comparison, the refreshes beside it |  |  |  | ${shown(grantedMs).join(' | ')} |`)
const granted = [...alone, ...beside].flat().reduce((sum, one) => sum + one.granted, 0)
console.log(`\nGranted after the answer of the logout: ${granted}`)

async function measure(here: Server, there: Server, rounds: number): Promise<Refusals> {
  const leaver = await Client.open(here.port)
  const askers = await Promise.all(questions.map(() => Client.open(there.port)))
  const refusals: Refused[][] = questions.map(() => [])
  for (let round = 0; round < rounds; round++) {
    const pair = JSON.parse((await leaver.ask(logIn('user', PASSWORD))).body)
    // The other process then has both tokens in its cache of verified tokens, and must refuse them after the logout all the same.
    for (const token of [pair.access, pair.refresh]) await askers[0]?.ask(verify(token))
    const { status } = await leaver.ask(logOut(pair.refresh))
    const answered = performance.now()
    if (status !== 200) throw new Error(`the logout answers ${status}`)
    const asked = questions.map((question, index) => untilRefused(question, askers[index] as Client, pair, answered))
    for (const [index, refused] of (await Promise.all(asked)).entries()) refusals[index]?.push(refused)
  }
  for (const one of [leaver, ...askers]) one.close()
  return refusals
}

async function untilRefused({ ask, isRefused }: Question, client: Client, pair: TokenPair, since: number): Promise<Refused> {
  for (let granted = 0; ; granted++) {
    if (isRefused(await client.ask(ask(pair)))) return { ms: performance.now() - since, granted }
  }
}

/** Does some work while sessions are refreshed in these processes, and records the latencies of the refreshes. */
async function besideRefreshes<T>(loader: Loader, servers: readonly Server[], work: () => Promise<T>): Promise<T> {
  let isDone = false
  const loading = (async () => {
    let loads = await Promise.all(servers.map(refreshes))
    while (!isDone) {
      const outcomes: Outcome[] = await loader.run(...loads)
      for (const { latenciesMs } of outcomes) grantedMs.push(...latenciesMs)
      loads = loads.map((load, index) => ({ ...load, bodies: outcomes[index]?.bodies ?? [] }))
    }
  })()
  const result = await work()
  isDone = true
  await loading
  return result
}

async function refreshes({ port }: Server): Promise<Load> {
  const client = await Client.open(port)
  const bodies: string[] = []
  for (let chain = 0; chain < LOAD_CONNECTIONS; chain++) bodies.push((await client.ask(logIn('user', PASSWORD))).body)
  client.close()
  return {
    port,
    path: '/api/token/refresh/',
    connections: LOAD_CONNECTIONS,
    seconds: 2,
    bodies,
    supply: 'chain',
    perSecond: REFRESHES_PER_SECOND,
  }
}

function timesOf(refused: readonly Refused[] = []): number[] {
  return refused.map((one) => one.ms)
}

function shown(times: readonly number[]): string[] {
  return [0.5, 0.99, 1].map((share) => ms(quantile(times, share)))
}
