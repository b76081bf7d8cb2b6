// Sends the load from a process of its own, so that its cost is not measured as the server's. Each message is a list of
// loads, and is answered with their outcomes.
import { Client, postRequest } from '../harness/client.ts'

/** Requests to one path, over several connections at once, for a number of seconds. */
export interface Load {
  readonly port: number
  readonly path: string
  readonly connections: number
  /** The duration. When undefined, the load ends with the others. */
  readonly seconds?: number
  /** JSON texts. */
  readonly bodies: readonly string[]
  /**
   * - `repeat`: the bodies in turn, again and again;
   * - `once`: the same, but it is an error when they run out;
   * - `each`: one body a connection, once, however long the answer takes;
   * - `chain`: the bodies in turn, each replaced by the `refresh` of its answer; at least one a connection.
   */
  readonly supply: 'repeat' | 'once' | 'each' | 'chain'
  /** Requests a second, evenly spaced, over all connections; as many as are answered when undefined. */
  readonly perSecond?: number
  /** In whose names the connections send, in turn: a server that trusts this one as a proxy takes these addresses for the clients'. */
  readonly addresses?: readonly string[]
  /** Answers that are no success are counted; without this they are errors. */
  readonly mayBeRefused?: boolean
  /** Whether latencies are kept without `perSecond`, too. */
  readonly isTimed?: boolean
}

export interface Outcome {
  /** Answers a second, until the time was over. */
  readonly rate: number
  /** Answers altogether, with those that came after the time was over. */
  readonly answers: number
  /** How many of these are no success. */
  readonly refused: number
  /** From the instant a request was due to the end of its answer. */
  readonly latenciesMs: readonly number[]
  /** Of a chain, the next bodies. */
  readonly bodies: readonly string[]
}

/**
 * Latencies are kept for loads with `perSecond`: the others wait for their own answers, which hides a delay, so that theirs are good for
 * comparison only.
 */
interface Progress {
  inTime: number
  answers: number
  refused: number
  readonly latenciesMs: number[]
}

if (process.send) {
  process.on('disconnect', () => process.exit())
  process.on('message', (loads: Load[]) => {
    runTogether(loads).then(
      (outcomes) => process.send?.({ outcomes }),
      (error: Error) => process.send?.({ failure: error.message }),
    )
  })
}

/** Runs loads at once. A load without `seconds` ends with the others. */
async function runTogether(loads: readonly Load[]): Promise<Outcome[]> {
  let isOver = false
  const outcomes = loads.map((load) => run(load, () => isOver))
  await Promise.all(outcomes.filter((_, index) => loads[index]?.seconds !== undefined))
  isOver = true
  return Promise.all(outcomes)
}

async function run(load: Load, othersAreOver: () => boolean): Promise<Outcome> {
  const clients = await Promise.all(Array.from({ length: load.connections }, () => Client.open(load.port)))
  const nextRequest = supplier(load)
  const chain = load.supply === 'chain' ? [...load.bodies] : undefined
  const progress: Progress = { inTime: 0, answers: 0, refused: 0, latenciesMs: [] }
  const start = performance.now()
  const { seconds } = load
  const isOver = seconds === undefined ? othersAreOver : () => performance.now() >= start + seconds * 1000
  await Promise.all(clients.map((client, index) => runClient(client, index, load, { nextRequest, chain }, progress, start, isOver)))
  for (const client of clients) client.close()
  const elapsedSeconds = seconds ?? (performance.now() - start) / 1000
  const { answers, refused, latenciesMs } = progress
  return { rate: progress.inTime / elapsedSeconds, answers, refused, latenciesMs, bodies: chain ?? [] }
}

/** Where requests come from. What is taken from a chain is in no other connection's hands until its successor is put back. */
interface Source {
  readonly nextRequest: () => string
  readonly chain: string[] | undefined
}

/** Sends requests until the time is over. */
async function runClient(
  client: Client,
  index: number,
  load: Load,
  { nextRequest, chain }: Source,
  progress: Progress,
  start: number,
  isOver: () => boolean,
): Promise<void> {
  const stepMs = load.perSecond === undefined ? 0 : (load.connections / load.perSecond) * 1000
  let due = start + (stepMs * index) / load.connections
  while (!isOver()) {
    if (stepMs > 0) await until(due)
    const request = chain === undefined ? nextRequest() : postRequest(load.path, chain.shift() as string)
    const asked = stepMs > 0 ? due : performance.now()
    const answer = await client.ask(inNameOf(load, index, request))
    const isRefused = answer.status < 200 || answer.status > 299
    if (isRefused && !load.mayBeRefused) throw new Error(`unexpected answer: ${answer.status} ${answer.body}`)
    const now = performance.now()
    progress.answers++
    if (isRefused) progress.refused++
    if (!isOver()) progress.inTime++
    if (stepMs > 0 || load.isTimed) progress.latenciesMs.push(now - asked)
    chain?.push(JSON.stringify({ refresh: JSON.parse(answer.body).refresh }))
    if (load.supply === 'each') break
    due += stepMs
  }
}

/** The request of a connection, with the address of its client. */
function inNameOf({ addresses }: Load, index: number, request: string): string {
  if (addresses === undefined) return request
  return request.replace('\r\n', `\r\nx-forwarded-for: ${addresses[index % addresses.length]}\r\n`)
}

function supplier({ path, bodies, supply }: Load): () => string {
  const requests = bodies.map((body) => postRequest(path, body))
  let next = 0
  return () => {
    if (next === requests.length) {
      if (supply === 'once') throw new Error(`${path}: ${requests.length} bodies were not enough`)
      next = 0
    }
    return requests[next++] as string
  }
}

function until(due: number): Promise<void> | undefined {
  const wait = due - performance.now()
  return wait > 0 ? new Promise((resolve) => setTimeout(resolve, wait)) : undefined
}
