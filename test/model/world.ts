import { STEADY_AFTER_MS } from '../../domain/clock.ts'
import type { TestApp, TestClock } from '../helper.ts'
import { Reference, type Rules, type Session, type Token, type User } from './reference.ts'

export type Body = Record<string, string>

/** Chooses items by numbers of fast-check, which can shrink them. The number 0 chooses the newest item. */
export class Pick {
  readonly #numbers: readonly number[]
  #next = 0

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers
  }

  number(): number {
    return this.#numbers[this.#next++] ?? 0
  }

  of<T>(items: readonly T[]): T | undefined {
    return items.at(-1 - (this.number() % Math.max(items.length, 1)))
  }
}

/** The service, in one process or more on one database, the reference, and the tokens that clients have received. */
export class World {
  /** Their clocks move together. */
  readonly #apps: readonly TestApp[]
  readonly reference: Reference
  readonly users: User[]
  readonly texts = new Map<Token, string>()
  #jumpedAt = Number.NEGATIVE_INFINITY
  #turns = 0

  constructor(apps: readonly TestApp[], rules: Rules, users: User[]) {
    this.#apps = apps
    this.reference = new Reference(rules, () => this.#clock.monotonic() - this.#jumpedAt >= STEADY_AFTER_MS)
    this.users = users
  }

  /** Each time the next of its processes. */
  get app(): TestApp {
    return this.#apps[this.#turns++ % this.#apps.length] as TestApp
  }

  get #clock(): TestClock {
    return (this.#apps[0] as TestApp).clock
  }

  /** In milliseconds since the epoch. */
  now(): number {
    return this.#clock()
  }

  advance(seconds: number): void {
    for (const { clock } of this.#apps) clock.advance(seconds)
  }

  /** Sets the clock by some seconds. The service looks at it every few seconds by itself; here at once. */
  jump(seconds: number): void {
    for (const { clock, clockWatch } of this.#apps) {
      clock.jump(seconds)
      clockWatch.read()
    }
    this.#jumpedAt = this.#clock.monotonic()
  }

  /** The answers to two requests that were sent at once. Which one comes first is nobody's promise. */
  inOrder<Answered extends { readonly verdict: string }>(answers: readonly [Answered, Answered]): readonly [Answered, Answered] {
    const [one, other] = answers
    const isSwapped = one.verdict !== 'ok' && other.verdict === 'ok'
    return isSwapped ? [other, one] : answers
  }

  /** Records a token that a client received. Its text may differ each time: every ECDSA signature differs. */
  learn(token: Token, text: string): void {
    this.texts.set(token, text)
  }

  learnPair(session: Session, { access, refresh }: { access: string; refresh?: string }): void {
    this.learn(this.reference.accessToken(session, this.now()), access)
    if (refresh !== undefined) this.learn(session.current, refresh)
  }

  /** A token of one of the last few sessions, the newest most often. */
  token(pick: Pick, type?: Token['type']): Token | undefined {
    return pick.of([...this.texts.keys()].filter((token) => type === undefined || token.type === type).slice(-12))
  }

  /** Sends a request, with a token in its body or header. Returns `ok` or the text of the refusal, and the body. */
  async ask(method: 'POST' | 'DELETE', url: string, body: Body | undefined, bearer?: Token): Promise<{ verdict: string; body: Body }> {
    const answer = await this.app.inject({
      method,
      url,
      ...(body && { payload: body }),
      ...(bearer && { headers: { authorization: `Bearer ${this.texts.get(bearer)}` } }),
    })
    const answered = answer.body === '' ? {} : answer.json()
    const text = answered.messages?.[0]?.message ?? answered.detail
    return { verdict: answer.statusCode < 300 ? 'ok' : text, body: answered }
  }
}

export function agree(what: string, seen: unknown, expected: unknown): void {
  if (JSON.stringify(seen) !== JSON.stringify(expected))
    throw new Error(`${what}: ${JSON.stringify(seen)}, expected ${JSON.stringify(expected)}`)
}
