import t from 'tap'
import { giveSession, insertLegacyToken } from '../../../db/legacy-tokens.ts'
import { noteDeadTokens } from '../../../domain/sessions/dead-tokens.ts'
import { build, claimsOf, logIn, post, register, START, seen, type TestApp } from '../../helper.ts'

const DAY_MS = 86_400_000

const tokens = (app: TestApp) => app.db.read.selectFrom('legacy_tokens').selectAll().orderBy('jti').execute()
const sessions = (app: TestApp) => app.db.read.selectFrom('sessions').select(['id', 'end_reason']).orderBy('id').execute()
const dead = (jti: string, user_id = 1) => ({ jti, user_id, expires_at: START + DAY_MS })

t.test('tokens that are dead elsewhere are dead here, however often that is noted', async (t) => {
  const app = await build(t)
  await register(app)
  const told = [dead('a'), dead('b'), dead('b')]
  t.equal(await noteDeadTokens(app, []), 0)
  t.equal(await noteDeadTokens(app, told), 0)
  t.equal(await noteDeadTokens(app, [...told, dead('c')]), 0)
  t.same(
    await tokens(app),
    ['a', 'b', 'c'].map((jti) => ({ ...dead(jti), session_id: null })),
  )
})

t.test('a token that became a session here and is dead elsewhere now ends that session alone, once', async (t) => {
  const app = await build(t)
  await register(app)
  const [one, other] = [await logIn(app), await logIn(app)]
  const id = Number.parseInt(claimsOf(one.refresh).sid as string, 10)
  await app.db.write(async (handle) => {
    await insertLegacyToken(handle, dead('a'))
    await giveSession(handle, 'a', id)
  })
  t.equal(await noteDeadTokens(app, [dead('a')]), 1)
  t.equal(await noteDeadTokens(app, [dead('a')]), 0)
  t.same(await sessions(app), [
    { id, end_reason: 'logout' },
    { id: id + 1, end_reason: null },
  ])
  t.equal(seen(await post(app, '/api/token/verify/', { token: one.access })).status, 401)
  t.same(seen(await post(app, '/api/token/verify/', { token: other.access })), { status: 200, body: {} })
  const events = await app.db.read.selectFrom('auth_events').select(['kind', 'reason', 'user_id']).orderBy('id', 'desc').limit(1).execute()
  t.same(events, [{ kind: 'session_ended', reason: 'logout', user_id: 1 }])
})
