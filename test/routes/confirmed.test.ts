import t from 'tap'
import { build, claimsOf, logIn, post, register, seen, type TestApp } from '../helper.ts'
import { answerOf, challenged, problem, REFRESH, TAKERS, tokenRefused, VERIFY } from '../wire/wire.ts'

const confirmed = { REFRESH_ROTATION: 'confirmed', SESSION_MAX_AGE: '31536000', REFRESH_TOKEN_TTL: '604800' }
const refresh = async (app: TestApp, token: string) => (await post(app, REFRESH, { refresh: token })).json()
const jtiOf = (token: string) => claimsOf(token).jti

t.test('until its successor is used a refresh token is answered with that same successor, for any length of time', async (t) => {
  const app = await build(t, confirmed)
  await register(app)
  const first = await logIn(app)
  const second = await refresh(app, first.refresh)
  app.clock.advance(3600)
  const again = await refresh(app, first.refresh)
  t.equal(jtiOf(again.refresh), jtiOf(second.refresh))
  t.equal(claimsOf(again.refresh).exp, claimsOf(second.refresh).exp)
  t.not(jtiOf(again.access), jtiOf(second.access))
  t.same(seen(await post(app, VERIFY, { token: first.refresh })), { status: 200, body: {} })
})

const SIGHTS = [
  ['the successor at verify', (app: TestApp, pair: { refresh: string }) => post(app, VERIFY, { token: pair.refresh })],
  ['the successor at refresh', (app: TestApp, pair: { refresh: string }) => post(app, REFRESH, { refresh: pair.refresh })],
  ['its access token at verify', (app: TestApp, pair: { access: string }) => post(app, VERIFY, { token: pair.access })],
  ['its access token in the header', (app: TestApp, pair: { access: string }) => TAKERS[3].send(app, pair.access)],
] as const

for (const [name, show] of SIGHTS) {
  t.test(`a refresh token counts as replaced from the first use of ${name}`, async (t) => {
    const app = await build(t, confirmed)
    await register(app)
    const first = await logIn(app)
    const second = await refresh(app, first.refresh)
    app.clock.advance(200)
    t.equal((await show(app, second)).statusCode, 200)
    app.clock.advance(30)
    t.equal((await post(app, REFRESH, { refresh: first.refresh })).statusCode, 200, 'within the grace after that use')
    app.clock.advance(0.001)
    t.strictSame(answerOf(await post(app, REFRESH, { refresh: first.refresh })), tokenRefused('Token is blacklisted'))
  })
}

t.test('an access token from before the rotation confirms nothing', async (t) => {
  const app = await build(t, confirmed)
  await register(app)
  const first = await logIn(app)
  await refresh(app, first.refresh)
  t.same(seen(await post(app, VERIFY, { token: first.access })), { status: 200, body: {} })
  app.clock.advance(3600)
  t.equal((await post(app, REFRESH, { refresh: first.refresh })).statusCode, 200)
})

t.test('the jti of an access token is still that of a random UUID', async (t) => {
  const app = await build(t)
  await register(app)
  const { access } = await logIn(app)
  t.match(jtiOf(access), /^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/)
})

t.test('a disabled user is refused also while a rotation is unconfirmed', async (t) => {
  const app = await build(t, confirmed)
  await register(app)
  const first = await logIn(app)
  await refresh(app, first.refresh)
  await app.db.write((handle) => handle.updateTable('users').set({ is_active: 0 }).execute())
  const refused = challenged(problem(401, 'no_active_account', 'No active account found for the given token.'))
  t.strictSame(answerOf(await post(app, REFRESH, { refresh: first.refresh })), refused)
})
