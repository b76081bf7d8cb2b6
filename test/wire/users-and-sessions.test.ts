import t from 'tap'
import { build, logIn, post, register, type TestApp } from '../helper.ts'
import { openForge } from './forge.ts'
import {
  type Answer,
  answerOf,
  authenticated,
  bearerRefused,
  challenged,
  HEADER,
  problem,
  REFRESH,
  REFRESH_AND_VERIFY,
  refreshRefused,
  success,
  TAKERS,
  tokenRefused,
  VERIFY,
} from './wire.ts'

const disable = (app: TestApp) => app.db.write((handle) => handle.updateTable('users').set({ is_active: 0 }).execute())
const remove = (app: TestApp) => app.db.write((handle) => handle.deleteFrom('users').execute())
const end = (app: TestApp) => app.db.write((handle) => handle.updateTable('sessions').set({ ended_at: app.clock() }).execute())
const forget = (app: TestApp) => app.db.write((handle) => handle.deleteFrom('sessions').execute())

const noAccount = challenged(problem(401, 'no_active_account', 'No active account found for the given token.'))
const notFound = challenged(problem(401, 'user_not_found', 'User not found'))
const inactive = challenged(problem(401, 'user_inactive', 'User is inactive'))
const ENDED = 'Token is blacklisted'

/** What happens to a user or session, and then the answers of refresh, verify, refresh-and-verify and header-auth, in this order. */
const HAPPENINGS: readonly [name: string, happen: ((app: TestApp) => unknown)[], answers: [Answer, Answer, Answer, Answer]][] = [
  ['B6, B7, A14, A15: the user is disabled', [disable], [noAccount, tokenRefused(), refreshRefused, inactive]],
  ['A14, A15, A30: the user is deleted', [remove], [noAccount, tokenRefused(), refreshRefused, notFound]],
  ['A14, A30: the session has ended', [end], [tokenRefused(ENDED), tokenRefused(ENDED), refreshRefused, bearerRefused(ENDED)]],
  ['A30: the session is gone', [forget], [tokenRefused(ENDED), tokenRefused(ENDED), refreshRefused, bearerRefused(ENDED)]],
  ['A30: a disabled user is reported before the end of the session', [end, disable], [noAccount, tokenRefused(), refreshRefused, inactive]],
  ['A30: a deleted user is reported before the end of the session', [end, remove], [noAccount, tokenRefused(), refreshRefused, notFound]],
]

for (const [name, happen, answers] of HAPPENINGS) {
  t.test(name, async (t) => {
    const app = await build(t)
    await register(app)
    const pair = await logIn(app)
    t.strictSame(answerOf(await post(app, VERIFY, { token: pair.access })), success(200, {}), 'the token was good before')
    for (const step of happen) await step(app)
    for (const [index, taker] of TAKERS.entries()) {
      t.strictSame(answerOf(await taker.send(app, pair[taker.type])), answers[index], taker.name)
    }
    const byRefreshToken = answers[1]
    t.strictSame(answerOf(await post(app, VERIFY, { token: pair.refresh })), byRefreshToken, 'verify, of the refresh token')
  })
}

t.test('B6, B7: a well-signed token of an unknown user is refused', async (t) => {
  const app = await build(t)
  const forge = await openForge(app)
  const wanted = [noAccount, tokenRefused(), refreshRefused, notFound]
  for (const [index, taker] of TAKERS.entries()) {
    const token = forge.token(taker.type, { ...forge.claims(taker.type), user_id: 999, sub: '999' })
    t.strictSame(answerOf(await taker.send(app, token)), wanted[index], taker.name)
  }
})

t.test('A30: a token that names the session of another user is refused as ended', async (t) => {
  const app = await build(t)
  const forge = await openForge(app)
  await register(app, 'bob')
  for (const taker of TAKERS) {
    const token = forge.token(taker.type, { ...forge.claims(taker.type), user_id: 2, sub: '2' })
    t.strictSame(answerOf(await taker.send(app, token)), taker.refused(ENDED), taker.name)
  }
})

t.test('A15: verify accepts both types of token, as often as it is asked', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh, access } = await logIn(app)
  for (const token of [refresh, access, refresh, access]) t.strictSame(answerOf(await post(app, VERIFY, { token })), success(200, {}))
  t.equal((await post(app, REFRESH, { refresh })).statusCode, 200)
})

t.test('A30: reuse of a replaced token ends the session for all its tokens', async (t) => {
  const app = await build(t)
  await register(app)
  const other = await logIn(app)
  const first = await logIn(app)
  const second = (await post(app, REFRESH, { refresh: first.refresh })).json()
  app.clock.advance(31)
  t.strictSame(answerOf(await post(app, REFRESH_AND_VERIFY, { refresh: first.refresh })), refreshRefused, 'reuse, by refresh-and-verify')
  for (const refresh of [first.refresh, second.refresh]) {
    t.strictSame(answerOf(await post(app, REFRESH, { refresh })), tokenRefused(ENDED))
    t.strictSame(answerOf(await post(app, REFRESH_AND_VERIFY, { refresh })), refreshRefused)
    t.strictSame(answerOf(await post(app, VERIFY, { token: refresh })), tokenRefused(ENDED))
  }
  for (const token of [first.access, second.access]) {
    t.strictSame(answerOf(await post(app, VERIFY, { token })), tokenRefused(ENDED))
    t.strictSame(answerOf(await post(app, HEADER, {}, { authorization: `Bearer ${token}` })), bearerRefused(ENDED))
  }
  t.strictSame(answerOf(await post(app, HEADER, {}, { authorization: `Bearer ${other.access}` })), authenticated, 'other sessions go on')
  t.equal((await post(app, REFRESH, { refresh: other.refresh })).statusCode, 200)
})

t.test('a disabled user who is enabled again keeps the session', async (t) => {
  const app = await build(t)
  await register(app)
  const { access } = await logIn(app)
  await disable(app)
  t.strictSame(answerOf(await post(app, VERIFY, { token: access })), tokenRefused())
  await app.db.write((handle) => handle.updateTable('users').set({ is_active: 1 }).execute())
  t.strictSame(answerOf(await post(app, VERIFY, { token: access })), success(200, {}))
})
