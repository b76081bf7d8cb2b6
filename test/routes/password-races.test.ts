import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import { replacePasswordHash } from '../../db/users.ts'
import { noOrigin } from '../../domain/events/record.ts'
import { build, logIn, PASSWORD, post, register, type TestApp } from '../helper.ts'
import { setActive } from '../operator.ts'
import { type Answer, answerOf, bearerRefused, REFRESH, success, TAKERS, tokenRefused } from '../wire/wire.ts'
import { inactive } from './administration.ts'
import { bearer, CHANGE, ENDED, NEXT, reasonsOf, wrong } from './me.ts'

// What meets a password change happens while the new password is hashed: after everything was checked, before anything is written.

const ROUNDS = 5
const OTHER_NEXT = 'yet another horse battery'

interface Pair {
  readonly refresh: string
  readonly access: string
}

// Async, so that each has been sent when it is called, and not when it is awaited.
const change = async (app: TestApp, { access }: Pair, next = NEXT) =>
  post(app, CHANGE, { current_password: PASSWORD, new_password: next }, bearer(access))
const logOut = async (app: TestApp, { refresh }: Pair) => post(app, '/api/token/blacklist/', { refresh })
const refreshOnce = async (app: TestApp, { refresh }: Pair) => post(app, REFRESH, { refresh })

async function open(t: Test): Promise<{ app: TestApp; mine: Pair }> {
  const app = await build(t)
  await register(app)
  return { app, mine: await logIn(app) }
}

/** Does something once the next password has been hashed: to its end before the hash is written, or beside that. Resolves to its outcome. */
function whenHashed<T>(app: TestApp, order: 'before' | 'beside', act: () => Promise<T>): Promise<T> {
  const { hash } = app.hashing
  const { promise, resolve } = Promise.withResolvers<T>()
  app.hashing.hash = async (...args) => {
    app.hashing.hash = hash
    const hashed = await app.hashing.hash(...args)
    resolve(act())
    if (order === 'before') await promise
    return hashed
  }
  return promise
}

/** Fails unless no endpoint takes a token of this pair any more. */
async function isRefused(t: Test, app: TestApp, pair: Pair): Promise<void> {
  for (const taker of TAKERS) t.strictSame(answerOf(await taker.send(app, pair[taker.type])), taker.refused(ENDED), taker.name)
}

async function canLogIn(app: TestApp, password: string): Promise<boolean> {
  return (await post(app, '/api/token/', { username: 'alice', password })).statusCode === 200
}

t.test('tokens of a refresh that came before the change are refused after it', async (t) => {
  const { app, mine } = await open(t)
  const refreshed = whenHashed(app, 'before', () => refreshOnce(app, mine))
  const fresh = await change(app, mine)
  t.equal(fresh.statusCode, 200)
  await isRefused(t, app, (await refreshed).json())
  await isRefused(t, app, mine)
  t.equal((await refreshOnce(app, fresh.json())).statusCode, 200)
  t.same(await reasonsOf(app), ['password_changed', null])
})

t.test('a refresh at the same time as the change is granted before it or refused after it, and its tokens are refused', async (t) => {
  for (let round = 0; round < ROUNDS; round++) {
    const { app, mine } = await open(t)
    const refreshing = whenHashed(app, 'beside', () => refreshOnce(app, mine))
    const fresh = await change(app, mine)
    const refreshed = await refreshing
    t.equal(fresh.statusCode, 200)
    if (refreshed.statusCode === 200) await isRefused(t, app, refreshed.json())
    else t.strictSame(answerOf(refreshed), tokenRefused(ENDED))
    t.equal((await refreshOnce(app, fresh.json())).statusCode, 200)
    t.same(await reasonsOf(app), ['password_changed', null])
  }
})

t.test('a change whose session was logged out meanwhile is refused, and changes nothing', async (t) => {
  const { app, mine } = await open(t)
  const other = await logIn(app)
  const left = whenHashed(app, 'before', () => logOut(app, mine))
  t.strictSame(answerOf(await change(app, mine)), bearerRefused(ENDED))
  t.strictSame(answerOf(await left), success(200, {}))
  t.same(await reasonsOf(app), ['logout', null])
  t.equal((await refreshOnce(app, other)).statusCode, 200)
  t.same([await canLogIn(app, PASSWORD), await canLogIn(app, NEXT)], [true, false])
})

t.test('a change of a user who is disabled meanwhile is refused as such, and changes nothing', async (t) => {
  const { app, mine } = await open(t)
  const disabled = whenHashed(app, 'before', () => setActive(app, 'alice', false))
  t.strictSame(answerOf(await change(app, mine)), inactive)
  await disabled
  t.same(await reasonsOf(app), ['user_disabled'])
  await setActive(app, 'alice', true)
  t.same([await canLogIn(app, PASSWORD), await canLogIn(app, NEXT)], [true, false])
})

t.test('of a log out and a change at the same time exactly one succeeds', async (t) => {
  for (let round = 0; round < ROUNDS; round++) {
    const { app, mine } = await open(t)
    const leaving = whenHashed(app, 'beside', () => logOut(app, mine))
    const changed = await change(app, mine)
    const left = answerOf(await leaving)
    const isChanged = changed.statusCode === 200
    if (isChanged) t.strictSame(left, tokenRefused(ENDED))
    else t.strictSame([left, answerOf(changed)], [success(200, {}), bearerRefused(ENDED)])
    await isRefused(t, app, mine)
    t.same(await reasonsOf(app), isChanged ? ['password_changed', null] : ['logout'])
    t.same([await canLogIn(app, PASSWORD), await canLogIn(app, NEXT)], [!isChanged, isChanged])
  }
})

t.test('a change that another change overtakes is refused, and changes nothing', async (t) => {
  for (const isSameSession of [true, false]) {
    const { app, mine } = await open(t)
    const second = isSameSession ? mine : await logIn(app)
    const overtaking = whenHashed(app, 'before', () => change(app, second, OTHER_NEXT))
    t.strictSame(answerOf(await change(app, mine)), bearerRefused(ENDED))
    for (const old of [mine, second]) await isRefused(t, app, old)
    t.equal((await refreshOnce(app, (await overtaking).json())).statusCode, 200)
    t.same([await canLogIn(app, NEXT), await canLogIn(app, OTHER_NEXT)], [false, true])
  }
})

t.test('a change succeeds also when a login has meanwhile stored the same password at a higher cost', async (t) => {
  const { app, mine } = await open(t)
  const { password } = await app.db.read.selectFrom('users').select('password').executeTakeFirstOrThrow()
  const stored = whenHashed(app, 'before', async () => {
    const costlier = await app.hashing.hash(noOrigin, PASSWORD)
    await app.db.write((handle) => replacePasswordHash(handle, 1, password, costlier))
  })
  t.equal((await change(app, mine)).statusCode, 200)
  await stored
  t.same(await reasonsOf(app), ['password_changed', null])
  t.same([await canLogIn(app, PASSWORD), await canLogIn(app, NEXT)], [false, true])
})

t.test('of two changes at the same time exactly one succeeds, and its session is the only one', async (t) => {
  for (let round = 0; round < ROUNDS; round++) {
    const { app, mine } = await open(t)
    const second = round % 2 ? mine : await logIn(app)
    const [first, other] = await Promise.all([change(app, mine), change(app, second, OTHER_NEXT)])
    const isFirst = first.statusCode === 200
    const [won, lost] = isFirst ? [first, answerOf(other)] : [other, answerOf(first)]
    t.ok(isOneOf(lost, [bearerRefused(ENDED), wrong('current_password')]), JSON.stringify(lost))
    for (const old of [mine, second]) await isRefused(t, app, old)
    t.equal((await reasonsOf(app)).filter((reason) => reason === null).length, 1)
    t.equal((await refreshOnce(app, won.json())).statusCode, 200)
    t.same([await canLogIn(app, NEXT), await canLogIn(app, OTHER_NEXT)], [isFirst, !isFirst])
  }
})

function isOneOf(answer: Answer, wanted: readonly Answer[]): boolean {
  return wanted.some((one) => isDeepStrictEqual(answer, one))
}
