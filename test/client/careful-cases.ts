import type { Test } from 'tap'
import { Session } from './careful.ts'
import { testTabs } from './careful-tabs.ts'
import { testWaits } from './careful-waits.ts'
import { createClient } from './generated/client/index.ts'
import { blacklistToken, getMe } from './generated/index.ts'
import {
  cutAnswer,
  device,
  EXPIRED,
  type Fault,
  type Listen,
  logIn,
  lostAnswer,
  ME,
  me,
  offline,
  page,
  problem,
  REFRESH,
  times,
  twenty,
} from './network.ts'

const busy = (retryAfter?: string) => problem(503, 'overloaded', retryAfter)

export async function testCarefulClient(t: Test, listen: Listen): Promise<void> {
  await t.test('twenty callers with an expired token refresh once, and all are answered', async (t) => {
    const { session, advance, seen, ends } = await device(t, listen)
    advance(EXPIRED)
    t.same(times(await twenty(() => me(session))), { 200: 20 })
    t.same(times(seen), { [`GET ${ME} 401`]: 20, [`POST ${REFRESH} 200`]: 1, [`GET ${ME} 200`]: 20 })
    t.equal(ends(), 0)
  })

  await t.test('a caller who is refused after the others have refreshed does not refresh again', async (t) => {
    const { session, advance, seen, disturb } = await device(t, listen)
    advance(EXPIRED)
    const { promise, resolve } = Promise.withResolvers<void>()
    disturb(ME, [(ask) => ask().then((answer) => promise.then(() => answer))])
    const late = me(session)
    t.equal(await me(session), 200)
    resolve()
    t.equal(await late, 200)
    t.same(times(seen), { [`GET ${ME} 401`]: 2, [`POST ${REFRESH} 200`]: 1, [`GET ${ME} 200`]: 2 })
  })

  await t.test('a call that is refused again after a refresh is not repeated any more', async (t) => {
    const { session, seen, disturb } = await device(t, listen)
    disturb(ME, [problem(401, 'token_not_valid')], 'forever')
    t.equal(await me(session), 401)
    t.same(seen, [`GET ${ME} 401`, `POST ${REFRESH} 200`, `GET ${ME} 401`])
  })

  await t.test('another 401 than that of a token refreshes nothing', async (t) => {
    const { session, seen, disturb } = await device(t, listen)
    disturb(ME, [problem(401, 'user_inactive'), problem(401, 'a_later_code'), page(401)])
    for (let i = 0; i < 3; i++) await me(session)
    t.same(seen, [`GET ${ME} 401`, `GET ${ME} 401`, `GET ${ME} 401`])
  })

  await t.test('a clock of the device that is years off changes nothing', async (t) => {
    const { session, seen } = await device(t, listen)
    const { now } = Date
    t.teardown(() => {
      Date.now = now
    })
    for (const years of [-10, 10]) {
      Date.now = () => now() + years * 365 * 86_400_000
      await me(session)
    }
    t.same(seen, [`GET ${ME} 200`, `GET ${ME} 200`])
  })

  for (const [name, fault] of Object.entries({ lostAnswer, cutAnswer })) {
    await t.test(`a refresh whose answer is lost is asked again with the same token, and the session goes on (${name})`, async (t) => {
      const { session, advance, seen, ends, disturb } = await device(t, listen)
      advance(EXPIRED)
      disturb(REFRESH, [fault])
      t.equal(await me(session), 200)
      t.equal(seen.filter((call) => call.includes(REFRESH)).length, 2)
      advance(EXPIRED)
      t.equal(await me(session), 200)
      t.equal(ends(), 0)
    })
  }

  await t.test('a refresh without a verdict keeps the tokens, and is the error of the call', async (t) => {
    const { session, advance, store, ends, disturb } = await device(t, listen)
    const { kept } = store
    advance(EXPIRED)
    const faults: Fault[] = [
      offline,
      busy('60'),
      problem(429, 'throttled', '60'),
      problem(500, 'internal_error'),
      page(502),
      page(401),
      page(200),
    ]
    for (const fault of faults) {
      disturb(REFRESH, [fault, fault])
      t.not(await me(session), 200)
      t.same({ kept: store.kept, ends: ends() }, { kept, ends: 0 })
    }
    disturb(REFRESH, [busy('60')])
    const { error } = await getMe({ client: session.client })
    t.same({ status: error?.status, code: error?.code }, { status: 503, code: 'overloaded' })
    t.equal(await me(session), 200, 'the network is there again')
  })

  await t.test('a refused refresh ends the session: the tokens are forgotten, and the caller is told once', async (t) => {
    const { session, url, advance, seen, store, ends } = await device(t, listen)
    await blacklistToken({ client: createClient({ baseUrl: url }), body: { refresh: store.kept?.refresh ?? '' } })
    t.same(times(await twenty(() => me(session))), { 401: 20 })
    t.same(times(seen), { [`GET ${ME} 401`]: 20, [`POST ${REFRESH} 401`]: 1 })
    advance(EXPIRED)
    t.equal(await me(session), 401)
    t.same({ kept: store.kept, ends: ends() }, { kept: undefined, ends: 1 })
  })

  await t.test('where refresh tokens do not rotate, the one of the login goes on', async (t) => {
    const { session, advance } = await device(t, listen, { env: { REFRESH_ROTATION: 'off' } })
    for (let i = 0; i < 2; i++) {
      advance(EXPIRED)
      t.equal(await me(session), 200)
    }
  })

  await t.test('a call that brings a token of its own keeps it', async (t) => {
    const { session, url, seen } = await device(t, listen)
    const { access } = await logIn(url, 'bob')
    t.equal((await getMe({ client: session.client, auth: access ?? '' })).data?.username, 'bob')
    t.equal((await getMe({ client: session.client, auth: 'no.to.ken' })).response?.status, 401)
    t.same(seen, [`GET ${ME} 200`, `GET ${ME} 401`])
  })

  await t.test('it works with nothing but the platform', async (t) => {
    const { options, store, advance } = await device(t, listen)
    const { baseUrl, onEnd } = options
    advance(EXPIRED)
    t.equal(await me((await Session.resume({ baseUrl, store, onEnd })) as Session), 200)
  })

  await testWaits(t, listen)
  await testTabs(t, listen)
}
