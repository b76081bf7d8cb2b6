import fc from 'fast-check'
import t, { type Test } from 'tap'
import { setActive } from '../../domain/accounts/administration.ts'
import { sweep } from '../../domain/sweeping.ts'
import { build, register, type TestApp } from '../helper.ts'
import { type Mode, Reference, type Rules, type Session, type Token, type User } from './reference.ts'

// Random interleavings of what clients, thieves, users and the operator do, on the service and on the reference: no difference.

const STEPS_A_RUN = 150
const RUNS = 15
const PASSWORDS = ['correct horse battery', 'another horse battery']

type Body = Record<string, string>
type Step = (world: World, pick: Pick) => Promise<void>

/** Chooses among what there is: a number that fast-check made, and shrinks. The newest is at 0. */
class Pick {
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
class World {
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

function agree(what: string, seen: unknown, expected: unknown): void {
  if (JSON.stringify(seen) !== JSON.stringify(expected))
    throw new Error(`${what}: ${JSON.stringify(seen)}, expected ${JSON.stringify(expected)}`)
}

const refreshOnce = (world: World, token: Token) => world.ask('POST', '/api/token/refresh/', { refresh: world.texts.get(token) as string })

const steps: Record<string, Step> = {
  async login(world, pick) {
    const user = pick.of(world.users) as User
    const { verdict, body } = await world.ask('POST', '/api/token/', { username: user.name, password: user.password })
    agree('login', verdict, user.isActive ? 'ok' : 'No active account found with the given credentials')
    if (verdict === 'ok') world.learnPair(world.reference.logIn(user, world.app.clock()), body as never)
  },
  async refresh(world, pick) {
    const token = world.token(pick, 'refresh')
    if (token === undefined) return
    const { verdict, body } = await refreshOnce(world, token)
    agree('refresh', verdict, world.reference.refresh(token, world.app.clock()))
    const isLost = pick.number() % 3 === 0
    if (verdict === 'ok' && !isLost) world.learnPair(token.session, body as never)
  },
  async refreshTwiceAtOnce(world, pick) {
    const token = world.token(pick, 'refresh')
    if (token === undefined) return
    const [first, second] = await Promise.all([refreshOnce(world, token), refreshOnce(world, token)])
    agree('first', first?.verdict, world.reference.refresh(token, world.app.clock()))
    if (first?.verdict === 'ok') world.learnPair(token.session, first.body as never)
    agree('second', second?.verdict, world.reference.refresh(token, world.app.clock()))
    if (second?.verdict === 'ok') world.learnPair(token.session, second.body as never)
  },
  async verify(world, pick) {
    const token = world.token(pick)
    if (token === undefined) return
    const { verdict } = await world.ask('POST', '/api/token/verify/', { token: world.texts.get(token) as string })
    agree('verify', verdict, world.reference.verify(token, world.app.clock()))
  },
  async authenticate(world, pick) {
    const token = world.token(pick, 'access')
    if (token === undefined) return
    const { verdict } = await world.ask('POST', '/api/token/authentication-token-header/', {}, token)
    agree('header', verdict, world.reference.authenticate(token, world.app.clock()))
  },
  async logOut(world, pick) {
    const token = world.token(pick, 'refresh')
    if (token === undefined) return
    const { verdict } = await world.ask('POST', '/api/token/blacklist/', { refresh: world.texts.get(token) as string })
    agree('logout', verdict, world.reference.logOut(token, world.app.clock()))
  },
  async revoke(world, pick) {
    const token = world.token(pick)
    if (token === undefined) return
    const { verdict } = await world.ask('POST', '/api/token/revoke/', { token: world.texts.get(token) as string })
    agree('revoke', verdict, 'ok')
    world.reference.revoke(token, world.app.clock())
  },
  async logOutOthers(world, pick) {
    const token = world.token(pick, 'access')
    if (token === undefined) return
    const { verdict } = await world.ask('DELETE', '/api/users/me/sessions/', undefined, token)
    agree('others', verdict, world.reference.authenticate(token, world.app.clock()))
    const { session } = token
    if (verdict === 'ok') world.reference.endAll(session.user, 'logout_all', world.app.clock(), (other) => other !== session)
  },
  async changePassword(world, pick) {
    const token = world.token(pick, 'access')
    if (token === undefined) return
    const { session } = token
    const { user } = session
    const next = PASSWORDS.find((password) => password !== user.password) as string
    const passwords = { current_password: user.password, new_password: next }
    const { verdict, body } = await world.ask('POST', '/api/users/me/password/', passwords, token)
    agree('password', verdict, world.reference.authenticate(token, world.app.clock()))
    if (verdict !== 'ok') return
    user.password = next
    world.reference.endAll(user, 'password_changed', world.app.clock(), (other) => other !== session)
    world.reference.rotate(session, world.app.clock())
    world.learnPair(session, body as never)
  },
  async disableOrEnable(world, pick) {
    const user = pick.of(world.users) as User
    user.isActive = !user.isActive
    await setActive(world.app, user.name, user.isActive)
    if (!user.isActive) world.reference.endAll(user, 'user_disabled', world.app.clock())
  },
  async wait(world, pick) {
    const { grace, accessTtl, refreshTtl } = world.reference.rules
    world.app.clock.advance([0.001, 0.5, 1, grace, grace + 0.001, accessTtl, refreshTtl / 2, refreshTtl][pick.number() % 8] as number)
  },
  async sweep(world) {
    await sweep(world.app)
    world.reference.sweep(world.app.clock())
  },
}

/** What happens most is what is most often drawn. */
const drawn = fc.record({
  name: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('refresh', 'refreshTwiceAtOnce', 'verify', 'wait') },
    { weight: 3, arbitrary: fc.constantFrom('login', 'authenticate') },
    { weight: 1, arbitrary: fc.constantFrom('logOut', 'revoke', 'logOutOthers', 'changePassword', 'disableOrEnable', 'sweep') },
  ),
  numbers: fc.array(fc.oneof(fc.constant(0), fc.nat(20)), { minLength: 3, maxLength: 3 }),
})

/** Every session has ended in the database as in the reference, at the same time and for the same reason. */
async function compareSessions({ app, reference }: World): Promise<void> {
  // When what has expired is marked so is nobody's business: the instant that is kept is that of the expiry.
  await sweep(app)
  reference.sweep(app.clock())
  const rows = await app.db.read.selectFrom('sessions').select(['ended_at', 'end_reason']).orderBy('id').execute()
  const seen = rows.map(({ ended_at, end_reason }) => [ended_at, end_reason])
  const expected = reference.sessions.map(({ endedAt, reason }) => [endedAt ?? null, reason ?? null])
  agree('sessions', seen, expected)
}

const MODES: readonly [Mode, grace: number][] = [
  ['on', 30],
  ['on', 0],
  ['confirmed', 30],
  ['confirmed', 0],
  ['off', 30],
]

async function world(t: Test, mode: Mode, grace: number): Promise<World> {
  const rules = { mode, grace, accessTtl: 20, refreshTtl: 100, maxAge: 400, sessionsPerUser: 3 }
  const app = await build(t, {
    LIMITS: 'off',
    REFRESH_ROTATION: mode,
    REFRESH_REUSE_GRACE: String(grace),
    ACCESS_TOKEN_TTL: '20',
    REFRESH_TOKEN_TTL: '100',
    SESSION_MAX_AGE: '400',
    SESSIONS_PER_USER: '3',
  })
  const users = ['alice', 'bob'].map((name) => ({ name, isActive: true, password: PASSWORDS[0] as string }))
  for (const { name, password } of users) await register(app, name, password)
  return new World(app, rules, users)
}

let done = 0

for (const [mode, grace] of MODES) {
  t.test(`with REFRESH_ROTATION=${mode} and a grace of ${grace} s the service does what the reference does`, async (t) => {
    const property = fc.asyncProperty(fc.array(drawn, { minLength: STEPS_A_RUN, maxLength: STEPS_A_RUN }), async (run) => {
      const cleanups: (() => unknown)[] = []
      const own = { teardown: (cleanup: () => unknown) => void cleanups.push(cleanup) } as unknown as Test
      const it = await world(own, mode, grace)
      try {
        for (const { name, numbers } of run) {
          await (steps[name] as Step)(it, new Pick(numbers))
          done++
        }
        await compareSessions(it)
      } finally {
        for (const cleanup of cleanups) await cleanup()
      }
    })
    await fc.assert(property, { numRuns: RUNS, endOnFailure: true })
    t.pass(`${RUNS} runs of ${STEPS_A_RUN} steps`)
  })
}

t.test('that were more than 10 000 steps', async (t) => {
  t.ok(done > 10_000, `${done} steps`)
})
