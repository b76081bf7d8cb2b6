import { setImmediate } from 'node:timers/promises'
import type { Test } from 'tap'
import { Session } from './careful.ts'
import { createClient } from './generated/client/index.ts'
import { getMe, verifyToken } from './generated/index.ts'
import { device, EXPIRED, type Listen, logIn, logInAgain, ME, me, offline, problem, REFRESH, times, twenty } from './network.ts'
import { pageStore } from './page-store.ts'

export async function testTabs(t: Test, listen: Listen): Promise<void> {
  await t.test('two tabs with one store refresh once together: one waits for the other', async (t) => {
    const { session, options, advance, seen, ends, disturb } = await device(t, listen)
    const second = (await Session.resume(options)) as Session
    advance(EXPIRED)
    const all = seenBy(seen, `GET ${ME} 401`, 40)
    disturb(REFRESH, [(ask) => all.then(ask)])
    const statuses = await Promise.all([twenty(() => me(session)), twenty(() => me(second))])
    t.same(times(statuses.flat()), { 200: 40 })
    t.same(times(seen), { [`GET ${ME} 401`]: 40, [`POST ${REFRESH} 200`]: 1, [`GET ${ME} 200`]: 40 })
    t.equal(ends(), 0)
  })

  await t.test('two tabs without locks may refresh at once, and stay logged in', async (t) => {
    const { session, options, advance, seen, ends } = await device(t, listen, { lock: (_name, job) => job() })
    const second = (await Session.resume(options)) as Session
    for (let i = 1; i <= 3; i++) {
      advance(EXPIRED)
      const statuses = await Promise.all([twenty(() => me(session)), twenty(() => me(second))])
      t.same(times(statuses.flat()), { 200: 40 })
      t.ok(seen.filter((call) => call.includes(REFRESH)).length <= 2 * i, 'each tab refreshes once')
    }
    t.equal(ends(), 0)
  })

  await t.test('a tab is told once when the user has logged out in another one', async (t) => {
    const { session, options, seen, ends } = await device(t, listen)
    const second = (await Session.resume(options)) as Session
    t.equal(await second.logOut(), true)
    t.equal(ends(), 0, 'who logs out is not told')
    t.same(times(await twenty(() => me(session))), { 401: 20 })
    t.same({ ends: ends(), refreshes: seen.filter((call) => call.includes(REFRESH)) }, { ends: 1, refreshes: [] })
  })

  await t.test('a tab never calls in the name of another user who has logged in meanwhile', async (t) => {
    const { session, options, url, store, seen, ends } = await device(t, listen)
    await Session.start(options, await logIn(url, 'bob'))
    const { kept } = store
    t.equal(await me(session), 401)
    t.same({ seen, ends: ends(), kept: store.kept }, { seen: [`GET ${ME} 401`], ends: 1, kept })
  })

  await t.test('a refresh that is refused ends nothing where new tokens of the user were kept meanwhile', async (t) => {
    const { session, options, url, advance, store, disturb, ends } = await device(t, listen)
    advance(EXPIRED)
    disturb(REFRESH, [
      async () => {
        // Another tab changes the password, or logs in anew.
        await Session.start(options, await logInAgain(url, 'alice'))
        return problem(401, 'token_not_valid')(never)
      },
    ])
    t.equal(await me(session), 200)
    t.equal(ends(), 0)
    t.ok(store.kept?.refresh)
  })

  await t.test('a call does not go on after a logout without a network, though its refresh is answered', async (t) => {
    const { session, advance, seen, store, disturb } = await device(t, listen)
    advance(EXPIRED)
    disturb('/api/token/blacklist/', [offline], 'forever')
    disturb(REFRESH, [(ask) => session.logOut().then(ask)])
    t.equal(await me(session), 401)
    t.same({ seen: seen.filter((call) => call.includes(ME)), kept: store.kept }, { seen: [`GET ${ME} 401`], kept: undefined })
  })

  await t.test('tokens of a refresh do not overwrite those that another user has stored while they were being written', async (t) => {
    const { session, advance, url, store, disturb } = await device(t, listen)
    const bob = await logIn(url, 'bob')
    advance(EXPIRED)
    const { replace } = store
    store.replace = async (refresh, next) => {
      await store.write(bob)
      await replace(refresh, next)
    }
    disturb(REFRESH, [])
    t.equal(await me(session), 401)
    t.same(store.kept, bob)
  })

  await t.test('a caller who joins a refresh and gets the token that it was refused with asks for another one', async (t) => {
    const { session, seen, advance, store, disturb } = await device(t, listen)
    const [early, late, reading] = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const refusedAfter = (moment: Promise<void>) => () => moment.then(() => problem(401, 'token_not_valid')(never))
    disturb(ME, [refusedAfter(early.promise), (ask) => ask(), (ask) => ask(), refusedAfter(late.promise)])
    const withFirst = me(session)
    advance(EXPIRED)
    t.equal(await me(session), 200)
    const withSecond = me(session)
    while (seen.length < 5) await setImmediate()

    // The caller with the first token finds the second one, and takes its time to read it; the other one joins meanwhile.
    const { read } = store
    store.read = () => reading.promise.then(read)
    early.resolve()
    for (let turn = 0; turn < 20; turn++) await setImmediate()
    late.resolve()
    for (let turn = 0; turn < 20; turn++) await setImmediate()
    reading.resolve()
    t.same(await Promise.all([withFirst, withSecond]), [200, 200])
    t.equal(seen.filter((call) => call.includes(REFRESH)).length, 2)
  })

  await t.test('a logout forgets the tokens and ends the session, also while a refresh is under way', async (t) => {
    const { session, advance, url, store, disturb, ends } = await device(t, listen)
    const token = store.kept?.refresh ?? ''
    advance(EXPIRED)
    const { promise, resolve } = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    disturb(REFRESH, [
      async (ask) => {
        const answer = await ask()
        asked.resolve()
        await promise
        return answer
      },
    ])
    const call = me(session)
    await asked.promise
    t.equal(await session.logOut(), true)
    resolve()
    t.equal(await call, 401)
    t.same({ kept: store.kept, ends: ends() }, { kept: undefined, ends: 0 })
    t.equal((await verifyToken({ client: createClient({ baseUrl: url }), body: { token } })).error?.code, 'token_not_valid')
  })

  await t.test('a logout without a network forgets the tokens, and says that the service does not know', async (t) => {
    const { session, store, disturb, ends } = await device(t, listen)
    disturb('/api/token/blacklist/', [offline], 'forever')
    t.equal(await session.logOut(), false)
    t.equal(await me(session), 401)
    t.same({ kept: store.kept, ends: ends() }, { kept: undefined, ends: 0 })
  })

  await t.test('a page keeps the refresh token alone, and a tab that is loaded anew begins with a refresh', async (t) => {
    const { url, options, advance, seen, store } = await device(t, listen)
    const storage = fakeStorage()
    const tab = { ...options, store: pageStore(storage) }
    const first = await Session.start(tab, store.kept ?? (await logIn(url, 'bob')))
    t.equal(await me(first), 200)
    t.same(Object.keys(JSON.parse(storage.getItem('latchkey') ?? '{}')), ['username', 'refresh'])
    const second = (await Session.resume({ ...options, store: pageStore(storage) })) as Session
    t.equal(await me(second), 200)
    t.same(seen, [`GET ${ME} 200`, `POST ${REFRESH} 200`, `GET ${ME} 200`])
    advance(EXPIRED)
    t.same(await Promise.all([me(first), me(second)]), [200, 200])
    await Session.start({ ...options, store: pageStore(storage) }, await logIn(url, 'carol'))
    const third = (await Session.resume(tab)) as Session
    t.equal((await getMe({ client: third.client })).data?.username, 'carol', 'not by the token of alice in its memory')
    await third.logOut()
    t.equal(storage.length, 0)
    t.equal(await Session.resume({ ...options, store: pageStore(storage) }), undefined)
  })
}

const never = () => Promise.reject(new Error('the service is not asked'))

/** Resolves when a call has been seen so often, and those who made it have had their time to act. */
async function seenBy(seen: readonly string[], call: string, count: number): Promise<void> {
  while (seen.filter((one) => one === call).length < count) await setImmediate()
  for (let turn = 0; turn < 20; turn++) await setImmediate()
}

function fakeStorage(): Storage {
  const items = new Map<string, string>()
  return {
    get length() {
      return items.size
    },
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
    clear: () => items.clear(),
    key: () => null,
  }
}
