import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { logIn, refresh, register, verify } from '../../../harness/requests.ts'
import { PASSWORD } from '../../helper.ts'
import { type Ask, pairOf, type Seen, type Services } from '../two-processes.ts'

/** What is asked again and again. */
export const KINDS = ['verify', 'refresh', 'logIn', 'register', 'ready'] as const
export type Kind = (typeof KINDS)[number]

/** Answers while the database does not do its work; `overloaded` is for writes that would wait too long. */
const REFUSALS = ['database_unavailable', 'overloaded']
/** A service answers so soon, in milliseconds, whatever its database does; this machine may be busy with other things. */
const LATEST_ANSWER_MS = 2100
const BUSY_MS = 1900
/** The goal is a second. */
const LATEST_RETURN_MS = 6000
const PAUSE_MS = 10
const READY = 'GET /health/ready HTTP/1.1\r\nhost: localhost\r\n\r\n'
const LIVE = 'GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n'

interface Probed {
  readonly kind: Kind
  readonly isGood: boolean
  readonly answer: Seen
  readonly ms: number
}

/** An outage of the database. */
export interface Outage {
  begin(): unknown
  end(): unknown
  /** What is refused meanwhile, all of it where this is left out. */
  readonly refused?: readonly Kind[]
  /** It goes on for so long after the first refusal of each of these, in milliseconds. */
  readonly lastsMs?: number
}

let users = 0

/** Asks each of the services for everything, all the time, and notes what they answer. */
export class Probes {
  readonly #answers: Probed[] = []
  readonly #services: Services
  readonly #running: Promise<unknown>[] = []
  /** When each was first answered so, since `#look`. */
  #firsts = new Map<string, number>()
  #isOver = false
  #wake: () => void = () => {}

  private constructor(services: Services) {
    this.#services = services
  }

  static async start(services: Services): Promise<Probes> {
    const probes = new Probes(services)
    for (const [index, ask] of services.asks.entries()) {
      const requests = await requestsOf(ask)
      for (const kind of KINDS) probes.#running.push(probes.#repeat(kind, index, ask, requests[kind]))
    }
    await probes.#until(KINDS, true)
    return probes
  }

  /** Goes through an outage: what must be refused is, soon and with a code, and all is good again soon after its end. */
  async outlive(t: Test, name: string, { begin, end, refused = KINDS, lastsMs = 500 }: Outage): Promise<void> {
    const from = this.#answers.length
    await begin()
    this.#firsts.clear()
    await this.#until(refused, false)
    await sleep(lastsMs)
    for (const ask of this.#services.asks) t.same(await ask(LIVE), { status: 200, body: { status: 'ok' } }, 'the process is live')
    await end()
    this.#firsts.clear()
    const ended = performance.now()
    const returned = await this.#until(KINDS, true)
    const answers = this.#answers.slice(from)
    const slowest = answers.toSorted((one, other) => other.ms - one.ms)[0] as Probed
    const bad = answers.filter(({ isGood }) => !isGood)
    t.comment(
      `${name}: ${answers.length} answers, ${bad.length} of them refusals, the slowest (${slowest.kind}) after ${Math.round(slowest.ms)} ms; all good again ` +
        `${Math.round(returned - ended)} ms after its end (${this.#returns(ended)})`,
    )
    t.same(bad.filter(isOutOfOrder).slice(0, 3), [], 'refusals are 503 with a code')
    t.ok(slowest.ms < LATEST_ANSWER_MS + BUSY_MS, `nothing hangs: ${Math.round(slowest.ms)} ms`)
    t.ok(returned - ended < LATEST_RETURN_MS, `it is back soon: ${Math.round(returned - ended)} ms`)
  }

  /** @returns all that was answered */
  async stop(): Promise<readonly Probed[]> {
    this.#isOver = true
    await Promise.all(this.#running)
    return this.#answers
  }

  async #repeat(kind: Kind, index: number, ask: Ask, request: Next): Promise<void> {
    while (!this.#isOver) {
      const began = performance.now()
      const { answer, isGood } = await request(ask)
      const at = performance.now()
      this.#answers.push({ kind, isGood, answer, ms: at - began })
      const key = keyOf(kind, index, isGood)
      if (!this.#firsts.has(key)) this.#firsts.set(key, at)
      this.#wake()
      await sleep(PAUSE_MS)
    }
  }

  /** Waits for an answer of this sort to each of these from each service. @returns when the last of them came */
  async #until(kinds: readonly Kind[], isGood: boolean): Promise<number> {
    for (;;) {
      const last = Math.max(...kinds.map((kind) => this.#last(kind, isGood)))
      if (Number.isFinite(last)) return last
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** When the last service gave its first such answer; infinite before that. */
  #last(kind: Kind, isGood: boolean): number {
    return Math.max(...this.#services.asks.map((_, index) => this.#firsts.get(keyOf(kind, index, isGood)) ?? Number.POSITIVE_INFINITY))
  }

  #returns(since: number): string {
    return KINDS.map((kind) => `${kind} ${Math.round(this.#last(kind, true) - since)}`).join(', ')
  }
}

const keyOf = (kind: Kind, index: number, isGood: boolean) => `${kind} ${index} ${isGood}`

function isOutOfOrder({ answer: { status, body } }: Probed): boolean {
  return status !== 503 || !REFUSALS.includes((body as { code: string }).code)
}

type Next = (ask: Ask) => Promise<{ answer: Seen; isGood: boolean }>

/** The next request of each kind, of one service. */
async function requestsOf(ask: Ask): Promise<Record<Kind, Next>> {
  const name = `probed-${users++}`
  await ask(register(name, PASSWORD))
  let token = await pairOf(ask(logIn(name, PASSWORD)))
  const { access } = await pairOf(ask(logIn(name, PASSWORD)))
  // Of another user: each login ends the session that was used longest ago, when there are many.
  await ask(register(`${name}-login`, PASSWORD))
  let registered = 0
  const asking =
    (request: () => string, good: number): Next =>
    async (ask) => {
      const answer = await ask(request())
      return { answer, isGood: answer.status === good }
    }
  return {
    verify: asking(() => verify(access), 200),
    logIn: asking(() => logIn(`${name}-login`, PASSWORD), 200),
    register: asking(() => register(`${name}-${registered++}`, PASSWORD), 201),
    ready: asking(() => READY, 200),
    // Where no answer came, the same token is answered with its successor, within the grace.
    async refresh(ask) {
      const answer = await ask(refresh(token.refresh))
      if (answer.status === 200) token = answer.body as typeof token
      return { answer, isGood: answer.status === 200 }
    },
  }
}
