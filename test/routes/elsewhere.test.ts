import t from 'tap'
import { build, claimsOf, logIn, register, START, type TestApp } from '../helper.ts'
import { REFRESH } from '../wire/wire.ts'

/** Refreshes from an address with a client; resolves to the new tokens. */
async function refresh(app: TestApp, token: string, remoteAddress: string, client = 'Browser/1.0') {
  const answer = await app.inject({
    method: 'POST',
    url: REFRESH,
    payload: { refresh: token },
    remoteAddress,
    headers: { 'user-agent': client },
  })
  return answer.json() as { refresh: string; access: string }
}

async function events(app: TestApp) {
  const rows = await app.db.read.selectFrom('auth_events').selectAll().where('kind', '=', 'refresh_from_elsewhere').orderBy('id').execute()
  return rows.map(({ at, user_id, username, session_id, address, client }) => ({ at, user_id, username, session_id, address, client }))
}

async function shown(app: TestApp, access: string) {
  const answer = await app.inject({ url: '/api/users/me/sessions/', headers: { authorization: `Bearer ${access}` } })
  const [{ elsewhere_at, elsewhere_address, elsewhere_client }] = answer.json()
  return { elsewhere_at, elsewhere_address, elsewhere_client }
}

const HOME = '192.0.2.1'
const AWAY = '198.51.100.7'
const NOTHING = { elsewhere_at: undefined, elsewhere_address: undefined, elsewhere_client: undefined }

for (const REFRESH_ROTATION of ['on', 'confirmed']) {
  t.test(`${REFRESH_ROTATION}: a thief who follows every rotation within the grace is seen`, async (t) => {
    const app = await build(t, { REFRESH_ROTATION })
    await register(app)
    const first = await logIn(app)
    let mine = await refresh(app, first.refresh, HOME)
    let stolen = first.refresh
    for (let rotation = 0; rotation < 20; rotation++) {
      stolen = (await refresh(app, stolen, AWAY, 'curl/8')).refresh
      t.equal(stolen, mine.refresh, 'the thief follows')
      app.clock.advance(20)
      mine = await refresh(app, mine.refresh, HOME)
      t.ok(mine.access, 'and the user notices nothing')
    }
    const seen = await events(app)
    const { sid } = claimsOf(mine.access)
    t.equal(seen.length, 7, 'once a minute, in 380 seconds')
    t.strictSame(seen[0], { at: START, user_id: 1, username: 'alice', session_id: sid, address: AWAY, client: 'curl/8' })
    t.strictSame(await shown(app, mine.access), {
      elsewhere_at: new Date(START + 360_000).toISOString(),
      elsewhere_address: AWAY,
      elsewhere_client: 'curl/8',
    })
  })
}

t.test('a second tab, a lost answer and another address of the same IPv6 network are no such event', async (t) => {
  const app = await build(t)
  await register(app)
  const first = await logIn(app)
  const next = await refresh(app, first.refresh, '2001:db8::1')
  await refresh(app, first.refresh, '2001:db8::1')
  await refresh(app, first.refresh, '2001:db8::2')
  t.same(await events(app), [])
  t.strictSame(await shown(app, next.access), NOTHING)
})

t.test('another network and another client are each an event, the current token from elsewhere is none', async (t) => {
  const app = await build(t)
  await register(app)
  const first = await logIn(app)
  const next = await refresh(app, first.refresh, HOME)
  await refresh(app, first.refresh, HOME, 'curl/8')
  t.same(
    (await events(app)).map(({ address, client }) => [address, client]),
    [[HOME, 'curl/8']],
  )
  app.clock.advance(60)
  await refresh(app, next.refresh, AWAY)
  t.equal((await events(app)).length, 1)
  await refresh(app, next.refresh, HOME)
  t.strictSame(
    (await events(app)).slice(1).map(({ address, client }) => [address, client]),
    [[HOME, 'Browser/1.0']],
  )
})
