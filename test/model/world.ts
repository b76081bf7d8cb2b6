import type { TestApp } from '../helper.ts'
import { Reference, type Rules, type Session, type Token, type User } from './reference.ts'

export type Body = Record<string, string>

/** Chooses among what there is: a number that fast-check made, and shrinks. The newest is at 0. */
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

/** The service, the reference, and the tokens that have reached somebody. */
export class World {
  readonly app: TestApp
  readonly reference: Reference
  readonly users: User[]
  readonly texts = new Map<Token, string>()

  constructor(app: TestApp, rules: Rules, users: User[]) {
    this.app = app
    this.reference = new Reference(rules)
    this.users = users
  }

  /** Somebody has got a token. The same one may be written in several ways, for each signature is another. */
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

  /** Asks with a token, in the body or the header, and tells what is told. */
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
