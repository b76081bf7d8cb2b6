import { STEADY_AFTER_MS } from '../../domain/clock.ts'
import type { TestApp } from '../helper.ts'
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

/** The service, the reference, and the tokens that clients have received. */
export class World {
  readonly app: TestApp
  readonly reference: Reference
  readonly users: User[]
  readonly texts = new Map<Token, string>()
  #jumpedAt = Number.NEGATIVE_INFINITY

  constructor(app: TestApp, rules: Rules, users: User[]) {
    this.app = app
    this.reference = new Reference(rules, () => app.clock.monotonic() - this.#jumpedAt >= STEADY_AFTER_MS)
    this.users = users
  }

  /** Sets the clock by some seconds. The service looks at it every few seconds by itself; here at once. */
  jump(seconds: number): void {
    this.app.clock.jump(seconds)
    this.#jumpedAt = this.app.clock.monotonic()
    this.app.clockWatch.read()
  }

  /** Records a token that a client received. Its text may differ each time: every ECDSA signature differs. */
  learn(token: Token, text: string): void {
    this.texts.set(token, text)
  }

  learnPair(session: Session, { access, refresh }: { access: string; refresh?: string }): void {
    this.learn(this.reference.accessToken(session, this.app.clock()), access)
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
