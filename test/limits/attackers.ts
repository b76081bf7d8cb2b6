import type { Test } from 'tap'
import { register, type TestApp } from '../helper.ts'
import { type Attempt, attempt, failFromAnywhere, logsIn, RIGHT, two } from './limits.ts'

// Attackers with many networks, who try passwords of one name at two processes as often as they can, and its owner.

export const OWNER = '203.0.113.10'
/** `LOGIN_SLOW_LANE` and `LOGIN_FAILURES_PER_ACCOUNT`. */
const LANE_SECONDS = 30
const FREE = 100

export const ipv4 = (count: number) => Array.from({ length: count }, (_, i) => `198.51.${100 + (i >> 8)}.${i & 255}`)
export const ipv6 = (count: number) => Array.from({ length: count }, (_, i) => `2001:db8:${(i + 1).toString(16)}::1`)

class Attackers {
  readonly #apps: readonly TestApp[]
  readonly #from: readonly string[]
  guesses = 0

  constructor(apps: readonly TestApp[], from: readonly string[]) {
    this.#apps = apps
    this.#from = from
  }

  async ask(options: Attempt = {}): Promise<void> {
    const ask = (from: string, i: number) => attempt(this.#apps[i % this.#apps.length] as TestApp, { from, ...options })
    const answers = await Promise.all(this.#from.map(ask))
    this.guesses += answers.filter(({ status }) => status === 401).length
  }
}

/** The owner keeps to `Retry-After` and gets in; the attackers ask before, all the time, and after. */
export async function ownerGetsIn(t: Test, networks: readonly string[], everySeconds: number): Promise<void> {
  const { a, b, advance } = await two(t)
  await register(a)
  await failFromAnywhere([a, b], FREE)
  const attackers = new Attackers([a, b], networks)
  for (let i = 0; i < 10; i++) {
    await attackers.ask()
    advance(everySeconds)
  }
  const bound = (networks.length + 1) * LANE_SECONDS
  let waited = 0
  let answer = await attempt(a, { ...RIGHT, from: OWNER })
  while (answer.status === 429 && waited <= bound) {
    for (let left = Number(answer.retryAfter); left > 0; left -= everySeconds) {
      advance(Math.min(left, everySeconds))
      waited += Math.min(left, everySeconds)
      await attackers.ask()
    }
    answer = await attempt(b, { ...RIGHT, from: OWNER })
  }
  t.equal(answer.status, 200)
  t.ok(waited <= bound, `after ${waited} s`)
  await attackers.ask()
  t.equal(await logsIn(a, { from: OWNER }), 200, 'and the address is known from then on')
}

/** The most guesses within any hour, of attackers that ask for three hours. */
export async function guessesStayBounded(t: Test, networks: readonly string[], everySeconds: number): Promise<void> {
  const { a, b, advance } = await two(t)
  await register(a)
  const attackers = new Attackers([a, b], networks)
  const anHour = 3600 / everySeconds
  const until: number[] = []
  let most = 0
  for (let step = 0; step < 3 * anHour; step++) {
    await attackers.ask()
    until.push(attackers.guesses)
    most = Math.max(most, attackers.guesses - (until[step - anHour] ?? 0))
    advance(everySeconds)
  }
  t.ok(most <= FREE + 3600 / LANE_SECONDS, `${most} guesses within an hour`)
  t.ok(most > FREE, 'they went on for longer than the limit of the account')
}
