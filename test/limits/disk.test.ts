// Not on PostgreSQL: it measures the pages of SQLite's file.
import { sql } from 'kysely'
import t from 'tap'
import { recordOfUser } from '../../domain/events/of-users.ts'
import { findRoom, startSession } from '../../domain/sessions/start.ts'
import { build, PASSWORD, register, START, type TestApp } from '../helper.ts'

// What one address, one account and all together can make the database keep: SECURITY.md has the numbers. Measured in pages of the
// database, with the longest of everything that can be sent.

const MB = 1_000_000
const MINUTES_A_DAY = 24 * 60
const CLIENT = 'é'.repeat(300)
const REQUEST_ID = 'r'.repeat(64)

/** Two of one number are one /48 and one /64. */
const addressOf = (network: number, host = 1) =>
  `2001:db8:${(0x1000 + network).toString(16)}:1111:1111:1111:1111:${(0x1000 + host).toString(16)}`
const from = (address: string) => ({ address, client: CLIENT, requestId: REQUEST_ID, isShared: false })

/** The bytes of the database that are in use. */
async function sizeOf(app: TestApp): Promise<number> {
  const pages = await sql<{ bytes: number }>`
    select (page_count - freelist_count) * page_size as bytes from pragma_page_count, pragma_freelist_count, pragma_page_size`.execute(
    app.db.read,
  )
  return pages.rows[0]?.bytes as number
}

/** By how many bytes the database grows in a day, if all minutes are like these. */
async function growthADay(app: TestApp, minutes: number, ofAMinute: (minute: number) => Promise<void>): Promise<number> {
  const before = await sizeOf(app)
  for (let minute = 0; minute < minutes; minute++) {
    await ofAMinute(minute)
    app.clock.advance(60)
  }
  return (((await sizeOf(app)) - before) / minutes) * MINUTES_A_DAY
}

/** Refusals of every kind and reason, of so many names, from one network. */
function refuse(app: TestApp, network: number, names: number): void {
  for (let i = 0; i < names; i++) {
    const origin = from(addressOf(network, i))
    const username = `${app.clock() - START} ${i} ${'n'.repeat(100)}`
    app.refusals.note(origin, { kind: 'login_failed', reason: 'user_unknown', username })
    for (const reason of ['pair', 'address', 'account']) app.refusals.note(origin, { kind: 'login_throttled', reason, username })
    app.refusals.note(origin, { kind: 'refresh_refused', reason: 'session_ended: password_changed', userId: i, username })
  }
}

t.test('what one network is refused takes at most 30 MB a day', async (t) => {
  const app = await build(t)
  const growth = await growthADay(app, 60, async () => {
    refuse(app, 1, 100)
    await app.refusals.flush()
  })
  t.ok(growth < 30 * MB, `${growth / MB} MB`)
  t.ok(growth > 15 * MB, `${growth / MB} MB: it is measured`)
})

t.test('what all networks together are refused takes at most 270 MB a day, but for wrong passwords of users', async (t) => {
  const app = await build(t)
  const growth = await growthADay(app, 6, async () => {
    for (let network = 0; network < 100; network++) refuse(app, network, 20)
    await app.refusals.flush()
  })
  t.ok(growth < 270 * MB, `${growth / MB} MB`)
  t.ok(growth > 100 * MB, `${growth / MB} MB: it is measured`)
})

t.test('one account that does all it can takes at most 160 MB a day of events, and 5 MB of sessions', async (t) => {
  const app = await build(t)
  const username = '\u{1f600}'.repeat(190)
  await register(app, username)
  const user = { id: 1, username }
  const logIns = (minute: number, times: number) =>
    app.db.write(async (handle) => {
      for (let i = 0; i < times; i++) {
        const origin = { ...from(addressOf(i)), client: `${minute} ${i} ${CLIENT}` }
        await startSession(handle, app, origin, user, await findRoom(handle, app, user.id))
      }
    })
  for (let i = 0; i < 4; i++) await logIns(i, 300)
  app.clock.advance(60)
  const growth = await growthADay(app, 10, async (minute) => {
    await logIns(minute, 60)
    await app.db.write(async (handle) => {
      for (let i = 0; i < 40; i++) {
        const origin = from(addressOf(i))
        const happening = { userId: 1, username, sid: `${i}-${'s'.repeat(22)}` }
        for (const kind of ['password_changed', 'refresh_from_elsewhere'] as const)
          await recordOfUser(handle, app.clock(), origin, { kind, ...happening })
        for (const reason of ['logout', 'logout_all', 'reuse_detected'])
          await recordOfUser(handle, app.clock(), origin, { kind: 'session_ended', reason, ...happening })
      }
    })
  })
  t.ok(growth < 160 * MB, `${growth / MB} MB`)
  t.ok(growth > 20 * MB, `${growth / MB} MB: it is measured`)

  const before = await sizeOf(app)
  // As many replaced tokens as a session remembers, and an answer elsewhere.
  const replaced = Array.from({ length: 50 }, () => `${'j'.repeat(36)}@${START}`).join(' ')
  await app.db.write((handle) =>
    handle
      .updateTable('sessions')
      .set({ replaced, elsewhere_at: START, elsewhere_address: addressOf(1), elsewhere_client: 'x'.repeat(200) })
      .execute(),
  )
  const sessions = (await sizeOf(app)) - before
  t.ok(sessions < 5 * MB, `${sessions / MB} MB`)
  const { count } = await app.db.read
    .selectFrom('sessions')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  t.equal(count, 1100, '100 that live and 1000 that have ended')
})

t.test('one address that registers all it can takes at most 300 MB a day', async (t) => {
  const app = await build(t)
  const growth = await growthADay(app, 5, async (minute) => {
    for (let i = 0; i <= 30; i++) {
      const username = `${'\u{1f600}'.repeat(190)}${minute}-${i}`
      const answer = await app.inject({
        method: 'POST',
        url: '/api/users/',
        payload: { username, password: PASSWORD },
        remoteAddress: '192.0.2.1',
        headers: { 'user-agent': CLIENT, 'x-request-id': REQUEST_ID },
      })
      t.equal(answer.statusCode, i < 30 ? 201 : 429)
    }
  })
  t.ok(growth < 300 * MB, `${growth / MB} MB`)
})
