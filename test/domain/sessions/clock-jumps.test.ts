import t, { type Test } from 'tap'
import { ClockWatch } from '../../../domain/clock.ts'
import { sweep } from '../../../domain/sweeping.ts'
import { build, claimsOf, logIn, PASSWORD, post, register, START, seen, type TestApp } from '../../helper.ts'

const MINUTE = 60
const DAY = 86_400
const FORWARD = 40 * DAY

const ended = { title: 'Unauthorized', status: 401, detail: 'Token is blacklisted', code: 'token_not_valid' }
const expired = { ...ended, detail: 'Token is invalid or expired' }

const refresh = (app: TestApp, token: string) => post(app, '/api/token/refresh/', { refresh: token })
const rotated = async (app: TestApp, token: string) => (await refresh(app, token)).json().refresh as string

/** Why and when each session has ended, oldest first. */
function ends(app: TestApp) {
  return app.db.read.selectFrom('sessions').select(['ended_at', 'end_reason']).orderBy('id').execute()
}

const LIVE = { ended_at: null, end_reason: null }

async function events(app: TestApp, kind: 'refresh_refused' | 'session_ended') {
  await app.refusals.flush()
  const rows = await app.db.read.selectFrom('auth_events').selectAll().where('kind', '=', kind).orderBy('id').execute()
  return rows.map(({ reason, session_id }) => [reason, Number.parseInt(session_id as string, 10)])
}

/** An app with a user, and all warnings that it logs from now on. */
async function withUser(t: Test, env: Record<string, string> = {}) {
  const app = await build(t, env)
  await register(app)
  const warnings: string[] = []
  app.log.warn = ((_details: object, message: string) => void warnings.push(message)) as never
  return { app, warnings }
}

/** Fourteen seconds in which the clock is wrong by some seconds, with some work in the middle. */
async function spike(app: TestApp, seconds: number, work: () => Promise<unknown>): Promise<void> {
  app.clock.jump(seconds)
  app.clock.advance(7)
  await work()
  app.clock.advance(7)
  app.clock.jump(-seconds)
}

for (const seconds of [FORWARD, -FORWARD]) {
  t.test(
    `a clock that is wrong by ${seconds / DAY} days for 14 seconds ends no session, and refresh tokens of before work after it`,
    async (t) => {
      const { app, warnings } = await withUser(t)
      const tokens = [(await logIn(app)).refresh, (await logIn(app)).refresh]
      await spike(app, seconds, async () => {
        t.strictSame(seen(await refresh(app, tokens[0] as string)), { status: 401, body: expired })
        await sweep(app)
      })
      t.same(await ends(app), [LIVE, LIVE])
      for (const token of tokens) t.equal((await refresh(app, token)).statusCode, 200)
      t.equal(warnings.length, 1)
      t.match(warnings[0], `the clock has jumped, 40 days ${seconds > 0 ? 'ahead' : 'back'}: until it has been steady for ten minutes,`)
    },
  )
}

t.test('a session that only looks as if it had reached its end is refused, and lives on when the clock is back', async (t) => {
  const { app } = await withUser(t, { REFRESH_TOKEN_TTL: String(90 * DAY), SESSION_MAX_AGE: String(100 * DAY) })
  const { refresh: token } = await logIn(app)
  app.clock.advance(70 * DAY)
  const next = await rotated(app, token)
  await spike(app, FORWARD, async () => {
    t.strictSame(seen(await refresh(app, next)), { status: 401, body: expired })
    await logIn(app)
  })
  t.same((await ends(app))[0], LIVE)
  t.equal((await refresh(app, next)).statusCode, 200)
})

t.test('after a jump nothing is swept for ten steady minutes, and then all that is due', async (t) => {
  const { app } = await withUser(t, { SESSION_HISTORY: '0', EVENTS_HISTORY: '0', KNOWN_ADDRESS_HISTORY: '1' })
  await logIn(app)
  await post(app, '/api/token/blacklist/', { refresh: (await logIn(app)).refresh })
  await logIn(app)
  const counts = async () => {
    const rows = await Promise.all(
      (['sessions', 'auth_events', 'tallies', 'known_addresses'] as const).map((table) =>
        app.db.read.selectFrom(table).selectAll().execute(),
      ),
    )
    return rows.map(({ length }) => length)
  }
  const before = await counts()
  t.same(before, [3, 6, 1, 1])
  app.clock.advance(2 * DAY)
  app.clock.jump(2 * MINUTE)
  await sweep(app)
  app.clock.advance(10 * MINUTE - 1)
  await sweep(app)
  t.same(await counts(), before)
  app.clock.advance(1)
  await sweep(app)
  t.same(await counts(), [0, 0, 0, 0])
})

t.test('a clock that jumps in the middle of a sweep stops it', async (t) => {
  const { app } = await withUser(t, { SESSIONS_PER_USER: '1000', SESSION_HISTORY: '0', LIMITS: 'off' })
  for (let i = 0; i < 150; i++) await logIn(app)
  app.clock.advance(2 * DAY)
  const { write } = app.db
  app.db.write = async (job, options) => {
    const result = await write(job, options)
    if ((await ends(app)).length < 150) app.clock.jump(FORWARD)
    return result
  }
  await sweep(app)
  app.db.write = write
  t.equal((await ends(app)).length, 50)
})

t.test('a sweep does not believe an instant of a spike, though the clock is back when it is asked next', async (t) => {
  const { app } = await withUser(t)
  await logIn(app)
  const { db, config } = app
  let reads = 0
  const clock = () => START + (reads++ % 2) * FORWARD * 1000
  await sweep({ db, config, clock, clockWatch: new ClockWatch(clock, () => 0) })
  t.same(await ends(app), [LIVE])
})

t.test('a reuse that is found within ten minutes of a jump is refused and ends nothing; later it ends the session', async (t) => {
  const { app } = await withUser(t)
  const first = (await logIn(app)).refresh
  const second = await rotated(app, first)
  app.clock.advance(31)
  app.clock.jump(2 * MINUTE)
  t.strictSame(seen(await refresh(app, first)), { status: 401, body: ended })
  t.same(await ends(app), [LIVE])
  app.clock.advance(10 * MINUTE - 1)
  t.equal((await refresh(app, second)).statusCode, 200)
  app.clock.advance(1)
  t.strictSame(seen(await refresh(app, first)), { status: 401, body: ended })
  t.match(await ends(app), [{ end_reason: 'reuse_detected' }])
  t.same(await events(app, 'refresh_refused'), [
    ['reuse_unsure', 1],
    ['reuse_detected', 1],
  ])
})

t.test('a refresh token that was replaced while the clock was ahead is not answered for longer than the grace', async (t) => {
  const { app } = await withUser(t)
  const { refresh: first } = await logIn(app)
  await spike(app, 12 * 3600, () => rotated(app, first))
  t.strictSame(seen(await refresh(app, first)), { status: 401, body: ended }, 'not 12 hours')
  t.strictSame(seen(await post(app, '/api/token/verify/', { token: first })), { status: 401, body: ended })
  t.same(await ends(app), [LIVE])
})

t.test('a login while the clock is not steady ends no other session, and the next one after that ends all that are too many', async (t) => {
  const { app } = await withUser(t, { SESSIONS_PER_USER: '2' })
  for (let i = 0; i < 2; i++) await logIn(app)
  app.clock.jump(2 * MINUTE)
  for (let i = 0; i < 2; i++) await logIn(app)
  t.same(await ends(app), [LIVE, LIVE, LIVE, LIVE])
  t.equal(app.clockWatch.isSteady, false)
  app.clock.advance(10 * MINUTE)
  await logIn(app)
  t.same(
    (await ends(app)).map(({ end_reason }) => end_reason),
    ['superseded', 'superseded', 'superseded', null, null],
  )
})

t.test('of too many sessions, those that were used last while the clock was ahead end first', async (t) => {
  const { app } = await withUser(t, { SESSIONS_PER_USER: '3' })
  const before = await logIn(app)
  await spike(app, FORWARD, () => logIn(app))
  t.equal(app.clockWatch.isSteady, false)
  app.clock.advance(10 * MINUTE)
  await logIn(app)
  await logIn(app)
  t.same(
    (await ends(app)).map(({ end_reason }) => end_reason),
    [null, 'superseded', null, null],
  )
  t.equal((await refresh(app, before.refresh)).statusCode, 200)
})

t.test('what somebody asks for holds at once also while the clock is not steady, and marks nothing else as expired', async (t) => {
  const { app } = await withUser(t)
  const [one, two] = [await logIn(app), await logIn(app)]
  await spike(app, FORWARD, async () => {
    const third = await logIn(app)
    const headers = { authorization: `Bearer ${third.access}` }
    const answer = await app.inject({ method: 'DELETE', url: `/api/users/me/sessions/${claimsOf(one.access).sid}/`, headers })
    t.equal(answer.statusCode, 204)
    await post(app, '/api/token/blacklist/', { refresh: third.refresh })
  })
  const at = START + (FORWARD + 7) * 1000
  t.same(await ends(app), [{ ended_at: at, end_reason: 'logout' }, LIVE, { ended_at: at, end_reason: 'logout' }])
  t.equal((await refresh(app, two.refresh)).statusCode, 200)
  const changed = { current_password: PASSWORD, new_password: 'another horse battery' }
  const { access } = await logIn(app)
  const headers = { authorization: `Bearer ${access}` }
  t.equal((await post(app, '/api/users/me/password/', changed, headers)).statusCode, 200)
  t.match((await ends(app))[1], { end_reason: 'password_changed' })
})
