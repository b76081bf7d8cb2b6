import t from 'tap'
import { followHistory, type Happened, listHistory } from '../../../domain/sessions/history.ts'
import { build, logIn, PASSWORD, post, register, START, type TestApp } from '../../helper.ts'

/** Sessions live for ten seconds, and the access tokens of their last refresh for three more. */
const SHORT = { REFRESH_TOKEN_TTL: '10', ACCESS_TOKEN_TTL: '3' }

async function withSessions(t: Parameters<typeof build>[0]): Promise<TestApp> {
  const app = await build(t, SHORT)
  await register(app)
  await logIn(app)
  app.clock.advance(5)
  await register(app, 'bob')
  await logIn(app, 'bob')
  return app
}

const seconds = ({ kind, at, username }: Happened) => [kind, (at - START) / 1000, username]

t.test('expiries are listed by their time among the events, for the filters that they can have', async (t) => {
  const app = await withSessions(t)
  app.clock.advance(20)
  const list = async (search: object) => (await listHistory(app, { limit: 100, ...search })).map(seconds)
  const expired = [
    ['session_ended', 15, 'bob'],
    ['session_ended', 10, 'alice'],
  ]
  t.strictSame((await list({})).slice(0, 2), expired)
  t.strictSame(await list({ kinds: ['session_ended'] }), expired)
  t.strictSame(await list({ kinds: ['session_ended'], username: 'bob' }), [expired[0]])
  t.strictSame(await list({ kinds: ['session_ended'], since: START + 10_000, until: START + 15_000 }), [expired[1]])
  t.strictSame(await list({ kinds: ['session_ended'], since: START + 10_001 }), [expired[0]])
  t.strictSame(await list({ kinds: ['session_ended'], limit: 1 }), [expired[0]])
  t.strictSame(await list({ kinds: ['key_retired'] }), [])
  t.strictSame(await list({ kinds: ['session_ended'], addresses: ['127.0.0.1'] }), [])
  t.strictSame(await list({ kinds: ['session_ended'], range: '0.0.0.0/0' }), [])
})

t.test('who follows is told of an expiry once, when no token of the session is good any more, and of no event twice', async (t) => {
  const app = await withSessions(t)
  const told: unknown[] = []
  const steps = [
    () => app.clock.advance(5),
    () => t.equal(told.length, 2, 'at 10 s an access token may be good still'),
    () => app.clock.advance(3),
    () => t.strictSame(told.splice(2), [['session_ended', 10, 'alice']]),
    async () => {
      await post(app, '/api/token/', { username: 'alice', password: PASSWORD })
      app.clock.advance(5)
    },
    () =>
      t.strictSame(told.splice(2), [
        // Counted with the one of less than a minute before.
        ['login', 0, 'alice'],
        ['session_ended', 15, 'bob'],
      ]),
    () => t.equal(told.length, 2),
  ]
  const pause = async () => {
    const step = steps.shift()
    await step?.()
    return step !== undefined
  }
  const search = { limit: 2, kinds: ['login', 'session_ended'] as const }
  for await (const happening of followHistory(app, search, pause, () => 0)) told.push(seconds(happening))
  t.strictSame(told, [
    ['login', 0, 'alice'],
    ['login', 5, 'bob'],
  ])
})
