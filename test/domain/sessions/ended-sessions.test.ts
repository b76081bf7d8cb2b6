import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { build, logIn, post, register, START, type TestApp } from '../../helper.ts'
import { logOutUser } from '../../operator.ts'
import { answerOf, bearerRefused, HEADER, REFRESH, tokenRefused, VERIFY } from '../../wire/wire.ts'

const DAY = 86_400

/** An app on which alice has had so many sessions, which ended a second after each other until now. */
async function withEnded(t: Test, count: number, env: Record<string, string> = {}): Promise<TestApp> {
  const app = await build(t, env)
  await register(app)
  await app.db.write((handle) =>
    sql`
      with recursive n (i) as (select 1 union all select i + 1 from n where i < ${count})
      insert into sessions (user_id, created_at, refreshed_at, expires_at, refresh_jti, refresh_iat, refresh_exp, replaced, ended_at, end_reason)
      select 1, 0, 0, 0, 'j' || i, 0, 0, '', cast(${START} as bigint) - (${count} - i) * 1000, 'logout' from n`.execute(handle),
  )
  return app
}

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i)

/** The ids of all sessions that are kept. */
async function ids(app: TestApp): Promise<number[]> {
  const rows = await app.db.read.selectFrom('sessions').select('id').orderBy('id').execute()
  return rows.map(({ id }) => id)
}

async function ended(app: TestApp): Promise<{ count: number; first: number }> {
  const { count, first } = await app.db.read
    .selectFrom('sessions')
    .select((eb) => [eb.fn.countAll<number>().as('count'), eb.fn.min('id').as('first')])
    .where('ended_at', 'is not', null)
    .executeTakeFirstOrThrow()
  return { count, first }
}

t.test('at most 1000 ended sessions of a user are kept: the oldest goes with the end of the next', async (t) => {
  const app = await withEnded(t, 999, { SESSIONS_PER_USER: '1' })
  await logIn(app)
  t.strictSame(await ended(app), { count: 999, first: 1 })
  await logIn(app)
  t.strictSame(await ended(app), { count: 1000, first: 1 })
  await logIn(app)
  t.strictSame(await ended(app), { count: 1000, first: 2 })
})

t.test('of a user who has many more, a hundred go at once, or as many as end', async (t) => {
  const app = await withEnded(t, 5000)
  await logIn(app)
  t.strictSame(await ended(app), { count: 5000, first: 1 })
  await logOutUser(app, 'alice')
  t.strictSame(await ended(app), { count: 4901, first: 101 })
  for (let i = 0; i < 50; i++) {
    await logIn(app)
    await logOutUser(app, 'alice')
  }
  t.match(await ended(app), { count: 1000 })
})

t.test(
  'of expired sessions 200 are kept besides SESSIONS_PER_USER: those that expired last, and all whose access tokens may live',
  async (t) => {
    const app = await build(t, { SESSIONS_PER_USER: '50' })
    await register(app)
    await app.db.write((handle) =>
      sql`
      with recursive n (i) as (select 1 union all select i + 1 from n where i < 250)
      insert into sessions (user_id, created_at, refreshed_at, expires_at, refresh_jti, refresh_iat, refresh_exp, replaced)
      select 1, 0, 0, ${START + DAY * 1000}, 'j' || i, 0, ${START / 1000} + 250 - i, '' from n`.execute(handle),
    )
    app.clock.advance(250 + 300)
    await logIn(app)
    t.strictSame(await ids(app), range(1, 251))
    await logIn(app)
    t.strictSame(await ids(app), [...range(1, 249), 251, 252], 'the first to expire was 250')
    app.clock.jump(3600)
    await logIn(app)
    t.equal((await ids(app)).length, 252, 'while the clock is not steady none is deleted')
  },
)

t.test('those of another user stay', async (t) => {
  const app = await withEnded(t, 1500)
  await register(app, 'bob')
  await logIn(app, 'bob')
  await logOutUser(app, 'bob')
  t.strictSame(await ended(app), { count: 1501, first: 1 })
  await app.db.write((handle) => handle.updateTable('sessions').set({ ended_at: 1 }).where('user_id', '=', 2).execute())
  await logIn(app)
  await logOutUser(app, 'alice')
  const ofBob = await app.db.read.selectFrom('sessions').select('ended_at').where('user_id', '=', 2).execute()
  t.same(ofBob, [{ ended_at: 1 }], 'though it ended before those that are deleted')
})

t.test('those that live stay, and do not count', async (t) => {
  const app = await withEnded(t, 999)
  const sessions = [await logIn(app), await logIn(app), await logIn(app)]
  const endOne = async () => post(app, '/api/token/blacklist/', { refresh: sessions.pop()?.refresh })
  await endOne()
  t.strictSame(await ended(app), { count: 1000, first: 1 })
  await endOne()
  t.strictSame(await ended(app), { count: 1000, first: 2 })
  t.equal((await post(app, REFRESH, { refresh: sessions[0]?.refresh })).statusCode, 200)
})

t.test('while the clock is not steady none is deleted', async (t) => {
  const app = await withEnded(t, 1000)
  await logIn(app)
  app.clock.jump(3600)
  await logOutUser(app, 'alice')
  t.match(await ended(app), { count: 1001 })
})

t.test('a token of a session that is not kept any more is refused as one of a session that has ended', async (t) => {
  const app = await withEnded(t, 0, { SESSIONS_PER_USER: '1' })
  const first = await logIn(app)
  await logIn(app)
  const answers = async () => ({
    refresh: answerOf(await post(app, REFRESH, { refresh: first.refresh })),
    verify: answerOf(await post(app, VERIFY, { token: first.access })),
    header: answerOf(await post(app, HEADER, {}, { authorization: `Bearer ${first.access}` })),
  })
  const before = await answers()
  await app.db.write((handle) => handle.deleteFrom('sessions').where('id', '=', 1).execute())
  t.strictSame(await answers(), before)
  t.strictSame(before, {
    refresh: tokenRefused('Token is blacklisted'),
    verify: tokenRefused('Token is blacklisted'),
    header: bearerRefused('Token is blacklisted'),
  })
})
