import t from 'tap'
import { noOrigin } from '../../domain/events/record.ts'
import { build, headerOf, logIn, PASSWORD, post, register } from '../helper.ts'

t.test('what queues, limits, caches and checks count can be read', async (t) => {
  const app = await build(t, { REQUESTS_PER_ADDRESS: '2', LOGIN_FAILURES_PER_PAIR: '1', LOGIN_FIRST_DELAY: '60' })
  await register(app)
  const { access } = await logIn(app)
  for (let i = 0; i < 3; i++) await post(app, '/api/token/verify/', { token: access })
  for (let i = 0; i < 2; i++) await post(app, '/api/token/', { username: 'bob', password: PASSWORD })
  t.strictSame(app.requestLimit?.stats, { networks: 1, refused: 1 })
  t.strictSame(app.limits.stats, { waiting: 0, refused: 1 })
  t.strictSame(app.hashing.stats, { active: 0, waiting: 0, refused: 0 })
  t.strictSame(app.tokens.stats, { cached: 2, verified: 0 }, 'the tokens of the login, which were never verified')
  await app.tokens.recognize(access)
  await app.tokens.recognize(withKid(access, 'x'.repeat(43)))
  t.strictSame(app.tokens.stats, { cached: 2, verified: 1 }, 'without its key a signature is not verified')
  t.strictSame(app.refusals.stats, { waiting: 2, lost: 0 })
  t.strictSame(app.breachCheck.stats, { breached: 0, unknown: 0, failed: 0 })
  t.strictSame(app.db.stats.refused, 0)
})

t.test('stats count what waits and what was refused in a flood', async (t) => {
  const app = await build(t, { HASHING_CONCURRENCY: '1', HASHING_QUEUE: '1' })
  const hashes = Array.from({ length: 3 }, () => app.hashing.hash(noOrigin, PASSWORD))
  const outcomes = Promise.allSettled(hashes)
  await Promise.resolve()
  t.match(app.hashing.stats, { refused: 1 })
  t.same(
    (await outcomes).map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected'],
  )
  t.strictSame(app.hashing.stats, { active: 0, waiting: 0, refused: 1 })
})

function withKid(token: string, kid: string): string {
  const [, ...rest] = token.split('.')
  return [Buffer.from(JSON.stringify({ ...headerOf(token), kid })).toString('base64url'), ...rest].join('.')
}
