import type { Test } from 'tap'
import { changeMyPassword, getMe, obtainTokenPair, verifyToken } from './generated/index.ts'
import { device, type Listen, ME, me, PASSWORD, page, problem } from './network.ts'

const CHANGE = '/api/users/me/password/'
const VERIFY = '/api/token/verify/'
const change = { current_password: PASSWORD, new_password: 'another secure password' }

export async function testWaits(t: Test, listen: Listen): Promise<void> {
  await t.test('429 and 503 are waited for as long as Retry-After says', async (t) => {
    const { session, waits, disturb } = await device(t, listen)
    disturb(ME, [problem(503, 'overloaded', '2'), problem(429, 'throttled', '10')])
    t.equal(await me(session), 200)
    t.same(waits, [2, 10])
  })

  await t.test('three times at most, and then the last answer is the caller’s', async (t) => {
    const { session, waits, seen, disturb } = await device(t, listen)
    disturb(ME, [problem(503, 'overloaded', '1')], 'forever')
    const { error } = await getMe({ client: session.client })
    t.same({ status: error?.status, code: error?.code }, { status: 503, code: 'overloaded' })
    t.same({ waits, calls: seen.length }, { waits: [1, 1, 1], calls: 4 })
  })

  for (const retryAfter of ['11', 'Thu, 01 Jan 2026 00:00:00 GMT', undefined]) {
    await t.test(`Retry-After: ${retryAfter} is left to the caller`, async (t) => {
      const { session, waits, disturb } = await device(t, listen)
      disturb(ME, [problem(429, 'throttled', retryAfter)])
      const { response } = await getMe({ client: session.client })
      t.same([response?.status, response?.headers.get('retry-after') ?? undefined, waits], [429, retryAfter, []])
    })
  }

  await t.test('a login that was answered 503 is not repeated: it may have begun a session', async (t) => {
    const { session, seen, disturb } = await device(t, listen)
    disturb('/api/token/', [problem(503, 'overloaded', '1')])
    const { error } = await obtainTokenPair({ client: session.client, body: { username: 'alice', password: PASSWORD } })
    t.same({ code: error?.code, seen }, { code: 'overloaded', seen: ['POST /api/token/ 503'] })
  })

  await t.test('a 500, or a page of a proxy, is not repeated', async (t) => {
    const { session, seen, disturb } = await device(t, listen)
    disturb(ME, [problem(500, 'internal_error'), page(502)])
    t.same([await me(session), await me(session)], [500, 502])
    t.equal(seen.length, 2)
  })

  await t.test('what may have been done already is repeated after a 429, and not after a 503', async (t) => {
    const { session, seen, waits, disturb } = await device(t, listen)
    disturb(CHANGE, [problem(503, 'database_unavailable', '1'), problem(429, 'throttled', '1')])
    await changeMyPassword({ client: session.client, body: change })
    t.same({ seen, waits }, { seen: [`POST ${CHANGE} 503`], waits: [] })
    await changeMyPassword({ client: session.client, body: change })
    t.same({ seen: seen.slice(1), waits }, { seen: [`POST ${CHANGE} 429`, `POST ${CHANGE} 200`], waits: [1] })
  })

  await t.test('a POST that only asks is repeated after a 503', async (t) => {
    const { session, store, waits, disturb } = await device(t, listen)
    disturb(VERIFY, [problem(503, 'database_unavailable', '1')])
    const { data } = await verifyToken({ client: session.client, body: { token: store.kept?.access ?? '' } })
    t.same({ data, waits }, { data: {}, waits: [1] })
  })
}
